import type { Command } from 'commander';
import { connectStore } from '../../shared/store/connect';
import type { MigrationPlan } from '../../shared/store/migrations';
import { pendingSteps, stepText } from '../../shared/store/indexes';
import { createStore, type Store } from '../../shared/store/store';
import { opened } from './command';
import { ExitCode, type Shell } from './shell';
import { showProgress } from './progress';
import { sheet, table } from './print';
import { readCliConfig } from './settings';

const PENDING = 1;
const APPLIED_SHOWN = 20;

/** Runs one operation against MongoDB without first building or checking indexes. */
async function withStore(shell: Shell, work: (store: Store) => Promise<void>): Promise<void> {
  const store = createStore(await opened(connectStore(readCliConfig(shell.env).mongoUrl)));
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

const isJson = (command: Command): boolean => command.optsWithGlobals<{ json?: boolean }>().json === true;

function presentPlan({ data, indexes }: MigrationPlan) {
  const pending = pendingSteps(indexes);
  return {
    pending: pending.length + data.length,
    indexes: pending.map((step) => ({ ...step, step: stepText(step) })),
    data: data.map(({ id, about }) => ({ id, about })),
    leftAlone: indexes.filter(({ kind }) => kind === 'EXTRA'),
  };
}

function planText({ pending, indexes, data, leftAlone }: ReturnType<typeof presentPlan>): string {
  const lines = [
    ...indexes.map(({ step }) => step),
    ...data.map(({ id, about }) => `migrate data, ${id}: ${about}`),
    ...leftAlone.map((step) => `(${stepText(step)})`),
  ];
  if (pending === 0) return ['No pending migrations.', ...lines].join('\n');
  return [`${pending} pending:`, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Adds `migrate plan`, `migrate apply` and `migrate status`. */
export function addMigrateCommands(migrate: Command, shell: Shell): void {
  migrate.addHelpText(
    'after',
    '\nIn production, the API and workers do not start while a migration is pending. Run `apply` from the new' +
      '\nversion before you start its processes. You can interrupt it and run it again; a concurrent second run is rejected.' +
      '\nMIR never changes indexes that it did not create.' +
      '\nExamples:\n  mir migrate plan\n  mir migrate apply\n  mir migrate status --json',
  );

  migrate
    .command('plan')
    .description('show what `apply` would do, without changing anything')
    .addHelpText('after', '\nExample:\n  mir migrate plan')
    .action(async (_options: object, command: Command) =>
      withStore(shell, async ({ migrations }) => {
        const plan = presentPlan(await migrations.plan());
        shell.out(`${isJson(command) ? JSON.stringify(plan, null, 2) : planText(plan)}\n`);
      }),
    );

  migrate
    .command('apply')
    .description('apply pending migrations and record them')
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing left to apply, 1 failed or already running in another process, 2 usage error.',
    )
    .action(async (_options: object, command: Command) =>
      withStore(shell, async ({ migrations }) => {
        const progress = showProgress(shell, 'steps done');
        const { applied } = await migrations
          .apply((_step, done, total) => progress.at(done, total))
          .finally(() => progress.stop());
        const lines = applied.length === 0 ? ['No pending migrations.'] : applied.map((step) => `done: ${step}`);
        shell.out(`${isJson(command) ? JSON.stringify({ applied }, null, 2) : lines.join('\n')}\n`);
      }),
    );

  migrate
    .command('status')
    .description('show pending and applied migrations, and the process that is applying them')
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing pending, 1 migrations pending, 2 usage error.\nExample:\n  mir migrate status',
    )
    .action(async (_options: object, command: Command) =>
      withStore(shell, async ({ migrations }) => {
        const [plan, applied, holder] = [
          presentPlan(await migrations.plan()),
          await migrations.applied(APPLIED_SHOWN),
          await migrations.holder(),
        ];
        const rows = applied.map(({ kind, about, by, finishedAt }) => ({
          kind,
          about,
          by,
          finishedAt: finishedAt?.toISOString() ?? null,
        }));
        const head = sheet({ pending: plan.pending, 'being applied by': holder });
        const done = table(
          ['finished', 'kind', 'what', 'by'],
          rows.map((row) => [row.finishedAt, row.kind, row.about, row.by]),
        );
        shell.out(
          isJson(command)
            ? `${JSON.stringify({ ...plan, holder, applied: rows }, null, 2)}\n`
            : `${head}\n${planText(plan)}\n${rows.length === 0 ? 'No migrations applied yet.' : done}\n`,
        );
        if (plan.pending > 0) throw new ExitCode(PENDING);
      }),
    );
}
