import { Command, CommanderError } from 'commander';
import { addAgentCommands } from './agents-commands';
import { addApplicationCommands } from './applications-commands';
import { addAuditCommands } from './audit-commands';
import { ExitCode, ReaderGoneError, type Shell } from './command';
import { addDeadLetterCommands } from './dead-letter-commands';
import { addPartnerCommands } from './partners-commands';
import { addDoctorCommand } from './doctor-command';
import { addMigrateCommands } from './migrate-commands';
import { failure } from './print';
import { teach } from './teach';

const OK = 0;
const REJECTED = 1;
const USAGE = 2;

const HELP = `
Finds its stores by MONGO_URL and REDIS_URL, else by the running \`npm start\` (DATA_DIR, default .data).
Exit codes: 0 done, 1 refused or failed (the problem's code is on stderr), 2 wrong usage.

Examples:
  npm run mir -- applications list --status PENDING
  npm run mir -- applications show app_0123
  npm run mir -- partners approve app_0123 --plan STANDARD
  npm run mir -- partners rotate prt_0123 --env live
  npm run mir -- partners suspend prt_0123 --reason "stolen key"
  npm run mir -- agents tree --partner prt_0123
  npm run mir -- agents kill agt_live_0123 --preview
  npm run mir -- dead-letters replay --all
  npm run mir -- audit verify --partner prt_0123
  npm run mir -- doctor`;

/** The operator's commands: the same code as the admin routes. */
export function createProgram(shell: Shell): Command {
  const program = new Command('mir')
    .description('Operate MIR: partners, keys, agents, dead letters, audit, migrations, health.')
    .option('--json', 'print machine-readable JSON only')
    .addHelpText('after', HELP)
    .showHelpAfterError('(--help shows how)')
    .configureOutput({ writeOut: shell.out, writeErr: shell.err })
    .exitOverride();
  addApplicationCommands(program, shell);
  addPartnerCommands(program, shell);
  addAgentCommands(program, shell);
  addDeadLetterCommands(program, shell);
  addAuditCommands(program, shell);
  addDoctorCommand(program, shell);
  addMigrateCommands(program, shell);
  teach(program);
  return program;
}

/** Runs one command line and answers its exit code. Prints everything it has to say; never throws. */
export async function runCli(args: string[], shell: Shell): Promise<number> {
  const program = createProgram(shell);
  try {
    await program.parseAsync(args, { from: 'user' });
    return OK;
  } catch (error) {
    if (error instanceof ReaderGoneError) return OK;
    if (error instanceof ExitCode) return error.code;
    if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE;
    shell.err(`${failure(error, program.opts<{ json?: boolean }>().json === true)}\n`);
    return REJECTED;
  }
}
