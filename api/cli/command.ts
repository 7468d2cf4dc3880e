import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Act } from '../audit/act';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../http/page';
import { type CliContext, cliAct, openCliContext } from './open';
import { readCliConfig } from './settings';

/** Where a command reads its settings and writes its answer. */
export interface Shell {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
}

/**
 * Runs one operation against the stores and prints what it answers: as JSON with `--json`, else as `show` says.
 * `show` null: the operation printed by itself.
 */
export async function operate<T>(
  shell: Shell,
  command: Command,
  work: (ctx: CliContext, act: Act) => Promise<T>,
  show: ((answer: T) => string) | null,
): Promise<void> {
  const ctx = await openCliContext(readCliConfig(shell.env));
  try {
    const answer = await work(ctx, cliAct());
    if (show === null) return;
    const { json } = command.optsWithGlobals<{ json?: boolean }>();
    shell.out(`${json ? JSON.stringify(answer, null, 2) : show(answer)}\n`);
  } finally {
    await ctx.close();
  }
}

/** An option's whole number; the operation itself checks its range. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** An object without the fields that were not given. */
export function given<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Adds `--limit` and `--cursor`. */
export function paged(command: Command): Command {
  return command
    .addOption(
      new Option('--limit <n>', `items a page, 1–${MAX_PAGE_SIZE}`).argParser(pageSize).default(DEFAULT_PAGE_SIZE),
    )
    .option('--cursor <cursor>', 'go on where the page before ended');
}

function pageSize(text: string): number {
  const size = wholeNumber(text);
  if (size < 1 || size > MAX_PAGE_SIZE) throw new InvalidArgumentError(`Give a number from 1 to ${MAX_PAGE_SIZE}.`);
  return size;
}
