import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../shared/config/config';
import { createBackup, recordBackup, restoreBackup, verifyBackup } from './backup/run-backup';
import type { Verified } from './backup/verify-store';
import { readCliConfig } from './settings';
import { ExitCode, type Shell } from './shell';

const VERIFICATION_FAILED = 1;
/** How far the clocks of two machines may differ. */
const CLOCK_SLACK_MS = 60_000;
const CODES = '\nExit codes: 0 success, 1 failure or a verification problem, 2 usage error.';

function verdictText({ problems, chains, auditEntries, users }: Verified): string {
  if (problems.length > 0) return problems.map((problem) => `PROBLEM: ${problem}`).join('\n');
  return (
    `Verified: ${chains} audit chains are intact (${auditEntries} entries), ` +
    `and the event counts of ${users} users match the stored events.`
  );
}

/** Adds `backup create`, `backup record`, `backup restore` and `backup verify`. */
export function addBackupCommands(backup: Command, shell: Shell): void {
  const log = (line: string): void => shell.err(`${line}\n`);
  const config = (): Config => readCliConfig(shell.env);
  const print = (command: Command, value: object, text: string): void => {
    const { json } = command.optsWithGlobals<{ json?: boolean }>();
    shell.out(`${json ? JSON.stringify(value, null, 2) : text}\n`);
  };

  backup.addHelpText(
    'after',
    '\nA backup does not contain SUBJECT_PEPPER and is useless without it. Store the pepper separately.',
  );

  backup
    .command('create <folder>')
    .description('write a backup to a new folder while MIR keeps running')
    .action(async (given: string, _options: object, command: Command) => {
      const folder = resolve(given);
      await createBackup(config(), folder, log);
      print(command, { folder }, `Backup: ${folder}`);
    });

  backup
    .command('record')
    .description(
      'record that another tool has just finished a backup, so that MIR can report when the newest is too old',
    )
    .option('--began <time>', 'when the backup began, as an ISO 8601 time (default: now)')
    .action(async ({ began }: { began?: string }, command: Command) => {
      const at = began === undefined ? new Date() : new Date(began);
      if (Number.isNaN(at.getTime()) || at.getTime() > Date.now() + CLOCK_SLACK_MS) {
        command.error(`error: --began must be a time in the past, such as ${new Date().toISOString()}`);
      }
      await recordBackup(config(), at);
      print(command, { recorded: at.toISOString() }, `Recorded: a backup that began at ${at.toISOString()}`);
    });

  backup
    .command('restore <folder>')
    .description('restore a backup into empty stores that no MIR process uses, then verify the result')
    .addHelpText('after', CODES)
    .action(async (folder: string, _options: object, command: Command) => {
      const restored = await restoreBackup(config(), resolve(folder), log);
      const { problems, queued, unreadable } = restored;
      const skipped = unreadable > 0 ? ` Skipped ${unreadable} unreadable jobs.` : '';
      const queue = problems.length > 0 ? '' : ` Requeued ${queued} event jobs.${skipped}`;
      print(command, restored, verdictText(restored) + queue);
      if (problems.length > 0) throw new ExitCode(VERIFICATION_FAILED);
    });

  backup
    .command('verify [folder]')
    .description("verify the database's audit chains and event counts; with a folder, also compare document counts")
    .addHelpText('after', CODES)
    .action(async (folder: string | undefined, _options: object, command: Command) => {
      const verified = await verifyBackup(config(), folder === undefined ? null : resolve(folder));
      print(command, verified, verdictText(verified));
      if (verified.problems.length > 0) throw new ExitCode(VERIFICATION_FAILED);
    });
}
