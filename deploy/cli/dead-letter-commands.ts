import { type Command, Option } from 'commander';
import { DEAD_LETTER_QUEUES, type DeadLetterQueue } from '../../shared/queue/jobs';
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

/** `dead-letters …`. */
export function addDeadLetterCommands(deadLetters: Command, shell: Shell): void {
  deadLetters.addHelpText(
    'after',
    '\nFix the cause first, then replay; what was stored before stays stored once. `show` has the reason as a code;' +
      '\nthe worker’s log has the cause, under the id of the dead letter.' +
      '\nExamples:\n  mir dead-letters list\n  mir dead-letters replay --all\n  mir dead-letters drop c0123 --yes',
  );

  const list = paged(deadLetters.command('list').description('list them, newest first'));
  list
    .addOption(new Option('--queue <queue>', 'only those of this queue').choices(DEAD_LETTER_QUEUES))
    .action(async (options: { limit: number; cursor?: string; queue?: DeadLetterQueue }, command: Command) =>
      operate(
        shell,
        command,
        (ctx) => listDeadLetters(ctx, options),
        (answer) =>
          pageTable(answer, ['id', 'queue', 'partner', 'env', 'events', 'attempts', 'failed', 'reason'], (one) => [
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
    .description('show one: the fields and types of its payload, without any value')
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
    .description('queue one again, or all of them')
    .option('--all', 'all that are there now')
    .action(async (id: string | undefined, { all = false }: { all?: boolean }, command: Command) => {
      if ((id === undefined) !== all) command.error('error: give either an id or --all');
      if (id === undefined) {
        const progress = showProgress(shell, 'queued again');
        await operate(
          shell,
          command,
          (ctx, auditContext) => replayAllDeadLetters(ctx, auditContext, progress.at).finally(() => progress.stop()),
          ({ replayed }) => `Queued ${replayed} again.`,
        );
      } else {
        await operate(
          shell,
          command,
          (ctx, auditContext) => replayDeadLetter(ctx, id, auditContext),
          () => `Queued ${id} again.`,
        );
      }
    });

  deadLetters
    .command('drop <id>')
    .description('delete one for good; its receipt goes on saying FAILED')
    .option('--yes', 'I mean it')
    .action(async (id: string, { yes = false }: { yes?: boolean }, command: Command) => {
      if (!yes) command.error('error: its events are lost for good; add --yes to mean it');
      await operate(
        shell,
        command,
        (ctx, auditContext) => dropDeadLetter(ctx, id, auditContext),
        () => `Dropped ${id}.`,
      );
    });
}
