import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createBackup } from '../../../../deploy/cli/backup/run-backup';
import type { IdentityId } from '../../../../shared/domain/ids';
import { readConfig } from '../../../../shared/config/config';
import { projectRoot } from '../../../../shared/project';
import { register } from '../../../support/agents';
import { cliAt, type CliResult, typing } from '../../../support/cli';
import { ADMIN_TOKEN, freshEnv, type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { newPerson } from '../../../support/link';
import { tempDirs } from '../../../support/temp-dirs';
import { waitUntil } from '../../../support/wait-until';
import { connectStore } from '../../../../shared/store/connect';

const USER = 'u-1';
/** Commands that only a deployment has: they cannot run here. */
const OF_DEPLOYMENTS = /^(?:docker|kubectl|mir\(\)|MIR_URL=)/;

const runbook = readFileSync(join(projectRoot(), 'deploy/docs/runbook.md'), 'utf8');
const emergencies = runbook.slice(runbook.indexOf('\n## I must stop'), runbook.indexOf('\n## About the alerts'));

/** The commands of each emergency, by its heading. */
const sections = new Map(
  emergencies
    .split(/\n### /)
    .slice(1)
    .map((section) => {
      const blocks = [...section.matchAll(/```sh\n([^]*?)```/g)].flatMap(([, block]) => block!.trim().split('\n'));
      const commands = blocks
        .map((line) => line.replace(/ {2,}# .*$/, ''))
        .filter((line) => !OF_DEPLOYMENTS.test(line));
      return [section.slice(0, section.indexOf('\n')), commands] as const;
    }),
);

const { tempDir } = tempDirs();
let mir: Harness;
let partner: TestPartner;
let partnerName: string;
let agent: { id: string; key: string };
let accountId: IdentityId;
let email: string;
let cascadeId: string | null;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
  partnerName = (await mir.ctx.store.partners.get(partner.partnerId))!.name;
  agent = await newAgent();
  accountId = await newPerson(mir);
  email = (await mir.ctx.store.identities.model.findById(accountId).lean())!.email;
  cascadeId = null;
});

const newAgent = () => register(mir.client, partner.liveKey, { name: 'Restock bot' });

/** Replaces the IDs of the runbook by existing ones. */
const filled = (line: string): string =>
  line
    .replaceAll('agt_live_0123', agent.id)
    .replaceAll('prt_0123', partner.partnerId)
    .replaceAll('idn_0123', accountId)
    .replaceAll('csc_0123', cascadeId ?? 'csc_none')
    .replaceAll('mir_live_0123', partner.liveKey)
    .replace(/^mir kill-drill$/, '$& --agents 20');

/** What a person types when a command asks, by the command. */
const answerTo = (line: string): string | null => {
  const answers: [RegExp, string][] = [
    [/^mir agents (?:kill|suspend) (?!.*--preview)/, agent.id],
    [/^mir agents find --key-from-stdin/, agent.key],
    [/^mir partners suspend/, partnerName],
    [/^mir users erase/, USER],
    [/^mir people find/, email],
    [/^mir people delete/, accountId],
  ];
  return answers.find(([command]) => command.test(line))?.[1] ?? null;
};

async function runMir(
  line: string,
  env: Record<string, string> = { ...mir.env, PUBLIC_URL: mir.url },
): Promise<CliResult> {
  const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!).slice(1);
  const answer = answerTo(line);
  return cliAt(answer === null ? null : typing(`${answer}\n`), env, ...args);
}

async function runCurl(line: string): Promise<void> {
  const env = { ...process.env, MIR_URL: mir.url, ADMIN_TOKEN };
  const { stdout } = await promisify(execFile)('bash', ['-c', line], { env });
  const body = JSON.parse(stdout) as Record<string, unknown>;
  expect([line, body]).toEqual([line, expect.not.objectContaining({ code: expect.anything() })]);
}

async function expectSuccess(line: string): Promise<void> {
  if (line.startsWith('curl ')) return runCurl(line);
  if (line.startsWith('openssl ')) return void (await promisify(execFile)('bash', ['-c', line]));
  // A report is signed once its audit entries are sealed.
  if (line.startsWith('mir agents report ')) {
    return waitUntil(`${line} succeeds`, async () => (await runMir(line)).code === 0);
  }
  const { code, err, out } = await runMir(line);
  expect([line, code, code === 0 ? '' : err + out]).toEqual([line, 0, '']);
  cascadeId = /csc_\w+/.exec(out)?.[0] ?? cascadeId;
}

describe('the emergencies of the runbook', () => {
  const online = [...sections].filter(([, commands]) => !commands.some((line) => line.startsWith('mir backup')));

  it.each(online)('lists commands that work if: %s', async (_name, commands) => {
    expect(commands.length).toBeGreaterThan(0);
    for (const [n, line] of commands.entries()) {
      // The commands with curl do the same again, to an agent that the ones before have not killed.
      if (line.startsWith('curl ') && commands[n - 1]?.startsWith('mir ')) agent = await newAgent();
      await expectSuccess(filled(line));
    }
  });

  it('lists commands that restore a backup', async () => {
    const commands = [...sections].flatMap(([, lines]) => lines).filter((line) => line.startsWith('mir backup'));
    expect(commands.length).toBeGreaterThan(1);
    const folder = join(tempDir(), 'backup');
    await createBackup(readConfig(mir.env), folder, () => undefined);
    const env = freshEnv();
    for (const line of commands) {
      const { code, err } = await runMir(line.replace(/\/backups\/\S+/, folder), env);
      expect([line, code, code === 0 ? '' : err]).toEqual([line, 0, '']);
    }
    const restored = await connectStore(env['MONGO_URL']!);
    await restored.dropDatabase();
    await restored.close();
  });

  it('finds, previews, kills and verifies an agent with at most six commands', () => {
    const commands = sections.get('An agent misbehaves')!.filter((line) => line.startsWith('mir '));
    expect(commands.length).toBeLessThanOrEqual(6);
    for (const verb of ['find', 'kill', 'report']) expect(commands.join('\n')).toContain(`mir agents ${verb}`);
  });
});
