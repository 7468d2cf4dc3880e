import { Command, CommanderError, Help, Option } from 'commander';
import { VERSION } from '../../shared/project';
import type * as Agents from './agents-commands';
import type * as Applications from './applications-commands';
import type * as Audit from './audit-commands';
import type * as Backup from './backup-commands';
import type * as DeadLetters from './dead-letter-commands';
import type * as Doctor from './doctor-command';
import type * as KillDrill from './kill-drill-command';
import type * as Members from './members-commands';
import type * as Migrate from './migrate-commands';
import type * as Partners from './partners-commands';
import type * as People from './people-commands';
import type * as Print from './print';
import type * as Users from './users-commands';
import { ExitCode, ReaderGoneError, type Shell } from './shell';
import { addHelpTexts } from './add-help-texts';
import { operatorName } from './operator-name';

const OK = 0;
const FAILED = 1;
const USAGE = 2;

const HELP = `
In the image, \`mir\` is on PATH. In a checkout, run \`npx mir\` or \`npm run --silent mir --\`.
Connects to MONGO_URL and REDIS_URL if they are set, and otherwise to the running \`npm start\` (DATA_DIR, default .data).
Exit codes: 0 success, 1 rejected or failed (the error code is on stderr), 2 usage error.

Examples:
  mir applications list --status PENDING
  mir applications show app_0123
  mir partners approve app_0123 --plan STANDARD
  mir partners rotate prt_0123 --env live
  mir partners suspend prt_0123 --reason "stolen key"
  mir members invite --partner prt_0123 --role ADMINISTRATOR
  mir agents tree --partner prt_0123
  mir agents kill agt_live_0123 --preview
  mir kill-drill
  mir users erase --partner prt_0123 --env live --reason "request of the partner"
  mir people find --reason "request of the person"
  mir dead-letters replay --all
  mir audit verify --partner prt_0123
  mir backup create /backups/2026-11-24
  mir doctor`;

interface CommandGroup {
  name: string;
  description: string;
  /** Loads the commands' module and adds the commands. */
  add: (command: Command, shell: Shell) => void;
}

/**
 * Top-level commands. Each module is loaded only when its command runs, so `mir --help` does not load any database
 * drivers.
 */
const GROUPS: readonly CommandGroup[] = [
  {
    name: 'applications',
    description: 'review applications from prospective partners',
    add: (...to) => (require('./applications-commands') as typeof Applications).addApplicationCommands(...to),
  },
  {
    name: 'partners',
    description: 'manage partners, their keys, plans and limits',
    add: (...to) => (require('./partners-commands') as typeof Partners).addPartnerCommands(...to),
  },
  {
    name: 'members',
    description: 'invite and manage members of partners, and the operators of this server',
    add: (...to) => (require('./members-commands') as typeof Members).addMemberCommands(...to),
  },
  {
    name: 'agents',
    description: 'inspect and kill agents',
    add: (...to) => (require('./agents-commands') as typeof Agents).addAgentCommands(...to),
  },
  {
    name: 'kill-drill',
    description: 'practice a kill on a tree of its own, under traffic, and check the result',
    add: (...to) => (require('./kill-drill-command') as typeof KillDrill).addKillDrillCommand(...to),
  },
  {
    name: 'users',
    description: "erase partners' users",
    add: (...to) => (require('./users-commands') as typeof Users).addUserCommands(...to),
  },
  {
    name: 'people',
    description: "find, export, unlink and delete people's MIR accounts",
    add: (...to) => (require('./people-commands') as typeof People).addPeopleCommands(...to),
  },
  {
    name: 'dead-letters',
    description: 'inspect and replay jobs that failed permanently',
    add: (...to) => (require('./dead-letter-commands') as typeof DeadLetters).addDeadLetterCommands(...to),
  },
  {
    name: 'audit',
    description: 'read, verify and export the audit log',
    add: (...to) => (require('./audit-commands') as typeof Audit).addAuditCommands(...to),
  },
  {
    name: 'doctor',
    description: 'check settings, stores, clocks and queues, and show how to fix problems',
    add: (...to) => (require('./doctor-command') as typeof Doctor).addDoctorCommand(...to),
  },
  {
    name: 'migrate',
    description: "migrate the database's indexes and data to this version",
    add: (...to) => (require('./migrate-commands') as typeof Migrate).addMigrateCommands(...to),
  },
  {
    name: 'backup',
    description: 'create, restore and verify backups',
    add: (...to) => (require('./backup-commands') as typeof Backup).addBackupCommands(...to),
  },
];

const help = new Help();

function describeOption(option: Option): string {
  return `${help.optionDescription(option)}${option.mandatory ? ' (required)' : ''}`;
}

/**
 * Creates the `mir` program. Groups that are not in `wanted` get a name and a description, but no subcommands. Commands
 * run the same code as the admin routes.
 */
export function createProgram(shell: Shell, wanted: readonly string[] = GROUPS.map(({ name }) => name)): Command {
  const program = new Command('mir')
    .description(
      'Operate MIR: partners, keys, members, agents, users, people, dead letters, audit log, migrations, backups and health checks.',
    )
    .option('--json', 'print only machine-readable JSON')
    .addOption(
      new Option('--as <name>', 'your name in audit entries, which partners can read; by default $USER@host').argParser(
        operatorName,
      ),
    )
    .version(VERSION, '--version', 'print the version of MIR')
    .addHelpText('after', HELP)
    .showHelpAfterError('(add --help for usage)')
    .configureHelp({ optionDescription: describeOption })
    .configureOutput({ writeOut: shell.out, writeErr: shell.err })
    .exitOverride();
  for (const { name, description, add } of GROUPS) {
    const command = program.command(name).description(description);
    if (wanted.includes(name)) add(command, shell);
  }
  addHelpTexts(program);
  return program;
}

/** Runs one command line and returns its exit code. Prints errors and never throws. */
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
