import { resolve } from 'node:path';
import { Command } from 'commander';
import { readCliConfig } from '../settings';
import { messageOf } from '../../../shared/errors';
import { createBackup, restoreBackup, verifyBackup } from './run-backup';
import type { Verified } from './verify-store';

const tell = (line: string): void => console.error(line);

/** Prints what was verified; exit code 1 when something is not as it should be. */
function report({ problems, chains, auditEntries, users }: Verified, more: string): void {
  for (const problem of problems) console.log(`WRONG: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
  else {
    const audit = `${chains} audit chains intact (${auditEntries} entries)`;
    console.log(`Verified: ${audit}, the counts of ${users} users equal those of their events.${more}`);
  }
}

const program = new Command('backup')
  .description('Back MIR up, restore it into empty stores, and prove that it is whole.')
  .addHelpText(
    'after',
    '\nFinds its stores as `mir` does: by MONGO_URL, REDIS_URL and SUBJECT_PEPPER, else by the running `npm start`.' +
      '\nThe pepper is not in the backup: without it a backup is worthless, so keep it elsewhere, and keep it.' +
      '\nExit codes: 0 done and whole, 1 refused, failed or not whole.' +
      '\n\nExamples:\n  npm run backup -- create /backups/2026-11-24' +
      '\n  MONGO_URL=… REDIS_URL=… SUBJECT_PEPPER=… npm run backup -- restore /backups/2026-11-24' +
      '\n  npm run backup -- verify',
  );

program
  .command('create <folder>')
  .description('write a backup into a new folder, while MIR runs')
  .action(async (folder: string) => {
    await createBackup(readCliConfig(process.env), resolve(folder), tell);
    console.log(`Backup: ${resolve(folder)}`);
  });

program
  .command('restore <folder>')
  .description('restore a backup into empty stores that no MIR process uses, and verify it')
  .action(async (folder: string) => {
    const restored = await restoreBackup(readCliConfig(process.env), resolve(folder), tell);
    const left = restored.unreadable > 0 ? ` ${restored.unreadable} unreadable jobs were left out.` : '';
    report(restored, ` ${restored.queued} jobs of events are queued again.${left}`);
  });

program
  .command('verify [folder]')
  .description('verify the audit chains and all counts of a store, and its documents against a backup of it')
  .action(async (folder?: string) => {
    report(await verifyBackup(readCliConfig(process.env), folder === undefined ? null : resolve(folder)), '');
  });

void program
  .parseAsync()
  .catch((error: unknown) => {
    console.error(messageOf(error));
    process.exitCode = 1;
  })
  .then(() => process.exit());
