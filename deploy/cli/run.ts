import { Command, CommanderError, Help, type Option } from 'commander';
import { VERSION } from '../../shared/project';
import type * as Agents from './agents-commands';
import type * as Applications from './applications-commands';
import type * as Audit from './audit-commands';
import type * as Backup from './backup-commands';
import type * as DeadLetters from './dead-letter-commands';
import type * as Doctor from './doctor-command';
import type * as Migrate from './migrate-commands';
import type * as Partners from './partners-commands';
import type * as Print from './print';
import { ExitCode, ReaderGoneError, type Shell } from './shell';
import { teach } from './teach';

const OK = 0;
const FAILED = 1;
const USAGE = 2;

const HELP = `
In the image \`mir\` is on PATH. In a checkout type \`npx mir\`, or \`npm run --silent mir --\`.
Finds its stores by MONGO_URL and REDIS_URL, else by the running \`npm start\` (DATA_DIR, default .data).
Exit codes: 0 done, 1 rejected or failed (the problem's code is on stderr), 2 wrong usage.

Examples:
  mir applications list --status PENDING
  mir applications show app_0123
  mir partners approve app_0123 --plan STANDARD
  mir partners rotate prt_0123 --env live
  mir partners suspend prt_0123 --reason "stolen key"
  mir agents tree --partner prt_0123
  mir agents kill agt_live_0123 --preview
  mir dead-letters replay --all
  mir audit verify --partner prt_0123
  mir backup create /backups/2026-11-24
  mir doctor`;

interface CommandGroup {
  name: string;
  description: string;
  /** Loads what the commands use, and adds them. */
  add: (command: Command, shell: Shell) => void;
}

/** The commands of the first level. Each is loaded when it is named: `mir --help` opens no driver and no server. */
const GROUPS: readonly CommandGroup[] = [
  {
    name: 'applications',
    description: 'applications to become a partner',
    add: (...to) => (require('./applications-commands') as typeof Applications).addApplicationCommands(...to),
  },
  {
    name: 'partners',
    description: 'partners, their keys, plans and limits',
    add: (...to) => (require('./partners-commands') as typeof Partners).addPartnerCommands(...to),
  },
  {
    name: 'agents',
    description: 'agents of partners: their trees, and the kill switch',
    add: (...to) => (require('./agents-commands') as typeof Agents).addAgentCommands(...to),
  },
  {
    name: 'dead-letters',
    description: 'jobs that workers gave up: their events are accepted, but not stored',
    add: (...to) => (require('./dead-letter-commands') as typeof DeadLetters).addDeadLetterCommands(...to),
  },
  {
    name: 'audit',
    description: 'who changed what, and whether that record is untouched',
    add: (...to) => (require('./audit-commands') as typeof Audit).addAuditCommands(...to),
  },
  {
    name: 'doctor',
    description: 'check settings, stores, clocks, queues and leftovers, and say how to fix what is wrong',
    add: (...to) => (require('./doctor-command') as typeof Doctor).addDoctorCommand(...to),
  },
  {
    name: 'migrate',
    description: "bring a store's indexes and data to this version; in production nothing else does",
    add: (...to) => (require('./migrate-commands') as typeof Migrate).addMigrateCommands(...to),
  },
  {
    name: 'backup',
    description: 'back MIR up, restore it into empty stores, and prove that it is whole',
    add: (...to) => (require('./backup-commands') as typeof Backup).addBackupCommands(...to),
  },
];

const help = new Help();

function describeOption(option: Option): string {
  return `${help.optionDescription(option)}${option.mandatory ? ' (required)' : ''}`;
}

/** The operator's commands: the same code as the admin routes. Those of other groups than `wanted` have a name only. */
export function createProgram(shell: Shell, wanted: readonly string[] = GROUPS.map(({ name }) => name)): Command {
  const program = new Command('mir')
    .description('Operate MIR: partners, keys, agents, dead letters, audit, migrations, backups, health.')
    .option('--json', 'print machine-readable JSON only')
    .version(VERSION, '--version', 'print the version of MIR')
    .addHelpText('after', HELP)
    .showHelpAfterError('(--help shows how)')
    .configureHelp({ optionDescription: describeOption })
    .configureOutput({ writeOut: shell.out, writeErr: shell.err })
    .exitOverride();
  for (const { name, description, add } of GROUPS) {
    const command = program.command(name).description(description);
    if (wanted.includes(name)) add(command, shell);
  }
  teach(program);
  return program;
}

/** Runs one command line and answers its exit code. Prints everything it has to say; never throws. */
export async function runCli(args: string[], shell: Shell): Promise<number> {
  const program = createProgram(shell, args);
  try {
    await program.parseAsync(args, { from: 'user' });
    return OK;
  } catch (error) {
    if (error instanceof ReaderGoneError) return OK;
    if (error instanceof ExitCode) return error.code;
    if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE;
    const { failure } = require('./print') as typeof Print;
    shell.err(`${failure(error, program.opts<{ json?: boolean }>().json === true)}\n`);
    return FAILED;
  }
}
