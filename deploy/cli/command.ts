import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AuditContext } from '../../api/db/audit-context';
import { messageOf } from '../../shared/errors';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../../api/http/paging';
import { type CliContext, auditContextForCli, openCliContext } from './open';
import { readCliConfig } from './settings';
import type { Shell } from './shell';

/** The stores as they were opened; where they could not be, the message says what to do next. */
export async function opened<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw new Error(`${messageOf(error)}\n\`mir doctor\` checks every store and says how to fix it.`, {
      cause: error,
    });
  }
}

/**
 * Runs one operation against the stores and prints what it answers: as JSON with `--json`, else as `show` says.
 * `show` null: the operation printed by itself.
 */
export async function operate<T>(
  shell: Shell,
  command: Command,
  work: (ctx: CliContext, auditContext: AuditContext) => Promise<T>,
  show: ((answer: T) => string) | null,
): Promise<void> {
  const ctx = await opened(openCliContext(readCliConfig(shell.env)));
  try {
    const answer = await work(ctx, auditContextForCli());
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

/** A reader of an option's whole number from 0 to `max`. */
export function wholeNumberUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text);
    if (value > max) throw new InvalidArgumentError(`Give a number from 0 to ${max}.`);
    return value;
  };
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
