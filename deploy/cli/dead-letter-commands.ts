import { type Command, Option } from 'commander';
import { DEAD_LETTER_QUEUES, type DeadLetterQueue } from '../../shared/queue/queues';
import {
  dropDeadLetter,
  listDeadLetters,
  replayAllDeadLetters,
  replayDeadLetter,
  showDeadLetter,
} from '../../api/admin/dead-letters';
import { operate, paged } from './command';
import type { Shell } from './shell';
import { pageTable, sheet } from './print';
import { showProgress } from './progress';

/** Adds the `dead-letters` commands. */
export function addDeadLetterCommands(deadLetters: Command, shell: Shell): void {
  deadLetters.addHelpText(
    'after',
    '\nFix the cause before you replay a job. Replaying a job never stores an event twice.' +
      "\n`show` prints the reason as a code. To find the cause, search the workers' logs for the dead letter's ID." +
      '\nExamples:\n  mir dead-letters list\n  mir dead-letters replay --all\n  mir dead-letters drop c0123 --yes',
  );

  const list = paged(deadLetters.command('list').description('list dead letters, newest first'));
  list
    .addOption(new Option('--queue <queue>', 'filter by queue').choices(DEAD_LETTER_QUEUES))
    .action(async (options: { limit: number; cursor?: string; queue?: DeadLetterQueue }, command: Command) =>
      operate(
        shell,
        command,
        (ctx) => listDeadLetters(ctx, options),
        (page) =>
          pageTable(page, ['id', 'queue', 'partner', 'env', 'events', 'attempts', 'failed', 'reason'], (one) => [
            one.id,
            one.queue,
            one.partnerId,
            one.env,
            one.events,
            one.attempts,
            one.failedAt,
            one.failedReason,
          ]),
      ),
    );

  deadLetters
    .command('show <id>')
    .description("show a dead letter with its payload's fields and types, but not their values")
    .action(async (id: string, _options: object, command: Command) =>
      operate(
        shell,
        command,
        (ctx) => showDeadLetter(ctx, id),
        ({ shape, problems, ...facts }) =>
          sheet({
            ...facts,
            problems: problems.map(({ path, message }) => `${path}: ${message}`).join('\n') || null,
            shape: JSON.stringify(shape, null, 2),
          }),
      ),
    );

  deadLetters
    .command('replay [id]')
    .description('requeue one dead letter, or all of them')
    .option('--all', 'requeue every dead letter')
    .action(async (id: string | undefined, { all = false }: { all?: boolean }, command: Command) => {
      if ((id === undefined) !== all) command.error('error: specify either an ID or --all');
      if (id === undefined) {
        const progress = showProgress(shell, 'requeued');
        await operate(
          shell,
          command,
          (ctx, auditContext) => replayAllDeadLetters(ctx, auditContext, progress.at).finally(() => progress.stop()),
          ({ replayed }) => `Requeued ${replayed}.`,
        );
      } else {
        await operate(
          shell,
          command,
          (ctx, auditContext) => replayDeadLetter(ctx, id, auditContext),
          () => `Requeued ${id}.`,
        );
      }
    });

  deadLetters
    .command('drop <id>')
    .description('delete a dead letter permanently; its events stay FAILED in the receipt')
    .option('--yes', 'confirm the deletion')
    .action(async (id: string, { yes = false }: { yes?: boolean }, command: Command) => {
      if (!yes) command.error("error: this permanently discards the dead letter's events; add --yes to confirm");
      await operate(
        shell,
        command,
        (ctx, auditContext) => dropDeadLetter(ctx, id, auditContext),
        () => `Dropped ${id}.`,
      );
    });
}
