import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../shared/config/config';
import { createBackup, restoreBackup, verifyBackup } from './backup/run-backup';
import type { Verified } from './backup/verify-store';
import { readCliConfig } from './settings';
import { ExitCode, type Shell } from './shell';

const NOT_WHOLE = 1;
const CODES = '\nExit codes: 0 done and whole, 1 rejected, failed or not whole, 2 wrong usage.';

function verdictText({ problems, chains, auditEntries, users }: Verified): string {
  if (problems.length > 0) return problems.map((problem) => `WRONG: ${problem}`).join('\n');
  const audit = `${chains} audit chains intact (${auditEntries} entries)`;
  return `Verified: ${audit}, the counts of ${users} users equal those of their events.`;
}

/** `backup create | restore | verify`. */
export function addBackupCommands(backup: Command, shell: Shell): void {
  const tell = (line: string): void => shell.err(`${line}\n`);
  const config = (): Config => readCliConfig(shell.env);
  const print = (command: Command, value: object, text: string): void => {
    const { json } = command.optsWithGlobals<{ json?: boolean }>();
    shell.out(`${json ? JSON.stringify(value, null, 2) : text}\n`);
  };

  backup.addHelpText(
    'after',
    '\nThe pepper (SUBJECT_PEPPER) is not in a backup: without it a backup is worthless. Keep it, and keep it elsewhere.',
  );

  backup
    .command('create <folder>')
    .description('write a backup into a new folder, while MIR runs')
    .action(async (given: string, _options: object, command: Command) => {
      const folder = resolve(given);
      await createBackup(config(), folder, tell);
      print(command, { folder }, `Backup: ${folder}`);
    });

  backup
    .command('restore <folder>')
    .description('restore a backup into empty stores that no MIR process uses, and verify it')
    .addHelpText('after', CODES)
    .action(async (folder: string, _options: object, command: Command) => {
      const restored = await restoreBackup(config(), resolve(folder), tell);
      const { problems, queued, unreadable } = restored;
      const left = unreadable > 0 ? ` ${unreadable} unreadable jobs were left out.` : '';
      const more = problems.length > 0 ? '' : ` ${queued} jobs of events are queued again.${left}`;
      print(command, restored, verdictText(restored) + more);
      if (problems.length > 0) throw new ExitCode(NOT_WHOLE);
    });

  backup
    .command('verify [folder]')
    .description('verify the audit chains and all counts of a store, and its documents against a backup of it')
    .addHelpText('after', CODES)
    .action(async (folder: string | undefined, _options: object, command: Command) => {
      const verified = await verifyBackup(config(), folder === undefined ? null : resolve(folder));
      print(command, verified, verdictText(verified));
      if (verified.problems.length > 0) throw new ExitCode(NOT_WHOLE);
    });
}
