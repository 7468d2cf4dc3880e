import type { Command } from 'commander';

/** Examples, keyed by command path, for commands that do not define their own. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  applications: ['applications list --status PENDING', 'applications show app_0123'],
  'applications show': ['applications show app_0123'],
  partners: ['partners list', 'partners create --help', 'partners suspend prt_0123 --reason "stolen key"'],
  'partners list': ['partners list --limit 10', 'partners list --json'],
  'partners show': ['partners show prt_0123'],
  'partners apply': [
    'partners apply --name "Demo shop" --website https://demo.example \\\n    --contact-email ops@demo.example --use-case "Submits orders, shows tiers at checkout"',
  ],
  'partners reject': ['partners reject app_0123 --reason "did not respond to our questions"'],
  'partners suspend': [
    'partners suspend prt_0123 --preview',
    'partners suspend prt_0123 --reason "stolen key"',
    'partners suspend prt_0123 --reason "stolen key" --yes',
  ],
  'partners unsuspend': ['partners unsuspend prt_0123 --reason "key was rotated"'],
  members: ['members list --partner prt_0123', 'members invite --operators --role ADMIN'],
  'members list': ['members list --partner prt_0123', 'members list --operators'],
  'members invite': [
    'members invite --partner prt_0123 --role ADMINISTRATOR --as "Ana Diaz"',
    'members invite --operators --role ON_CALL',
  ],
  'members role': ['members role mem_0123 --partner prt_0123 --role VIEWER'],
  'members remove': ['members remove mem_0123 --partner prt_0123'],
  users: ['users erase --partner prt_0123 --env live --reason "request of the partner"'],
  'users erase': [
    'users erase --partner prt_0123 --env live --reason "request of the partner"',
    'users erase --partner prt_0123 --env live --reason "request of the partner" --as "Ana Diaz" --json',
  ],
  'people find': ['people find --reason "request of the person"'],
  'people export': [
    'people export idn_0123 --reason "request of the person" --output /tmp/export.json',
    'people export idn_0123 --reason "request of the person"',
  ],
  'people unlink': ['people unlink idn_0123 --link lnk_0123 --reason "request of the person"'],
  'people delete': [
    'people delete idn_0123 --reason "request of the person"',
    'people delete idn_0123 --reason "request of the person" --yes',
  ],
  agents: ['agents tree --partner prt_0123', 'agents kill agt_live_0123 --preview'],
  'agents list': ['agents list --partner prt_0123 --status ACTIVE'],
  'agents show': ['agents show agt_live_0123'],
  'agents suspend': [
    'agents suspend agt_live_0123 --preview',
    'agents suspend agt_live_0123 --include-descendants --reason "odd requests"',
  ],
  'agents reactivate': ['agents reactivate agt_live_0123 --reason "false alarm"'],
  'agents cascade': ['agents cascade', 'agents cascade csc_0123'],
  'agents report': ['agents report csc_0123', 'agents report csc_0123 --verify --json'],
  'dead-letters list': ['dead-letters list --queue events', 'dead-letters list --json'],
  'dead-letters show': ['dead-letters show c0123'],
  'dead-letters replay': ['dead-letters replay c0123', 'dead-letters replay --all'],
  'dead-letters drop': ['dead-letters drop c0123 --yes'],
  audit: ['audit list --partner prt_0123 --limit 20', 'audit verify --registry'],
  'audit list': ['audit list --partner prt_0123 --action agent.revoked', 'audit list --registry'],
  'audit verify': [
    'audit verify --partner prt_0123 --env live',
    'audit verify --registry',
    'audit verify --from-stream audit.ndjson --jwks jwks.json',
  ],
  'migrate apply': ['migrate apply'],
  backup: ['backup create /backups/2026-11-24', 'backup verify'],
  'backup create': ['backup create /backups/2026-11-24'],
  'backup record': ['backup record', 'backup record --began 2026-11-24T02:00:00Z'],
  'backup restore': ['backup restore /backups/2026-11-24'],
  'backup verify': ['backup verify', 'backup verify /backups/2026-11-24'],
};

/** Commands that document their own exit codes. */
const OWN_CODES: ReadonlySet<string> = new Set([
  'agents kill',
  'doctor',
  'kill-drill',
  'migrate apply',
  'migrate status',
  'backup restore',
  'backup verify',
]);

const CODES = '\nExit codes: 0 success, 1 rejected or failed (the error code is on stderr), 2 usage error.';

/** Adds examples and exit codes to the help of every command. */
export function addHelpTexts(command: Command, path: readonly string[] = []): void {
  const name = path.join(' ');
  const lines = EXAMPLES[name] ?? [];
  if (lines.length > 0) {
    const examples = lines.map((line) => `  mir ${line}`).join('\n');
    command.addHelpText('after', `\nExample${lines.length === 1 ? '' : 's'}:\n${examples}`);
  }
  const isLeaf = command.commands.length === 0;
  if (isLeaf && !OWN_CODES.has(name)) command.addHelpText('after', CODES);
  for (const sub of command.commands) addHelpTexts(sub, [...path, sub.name()]);
}
