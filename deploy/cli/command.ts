import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AuditContext } from '../../api/db/audit-context';
import { messageOf } from '../../shared/errors';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../../api/http/paging';
import { type CliContext, auditContextForCli, openCliContext } from './open';
import { defaultOperatorName } from './operator-name';
import { readCliConfig } from './settings';
import type { Shell } from './shell';

/** Awaits a store connection. If the connection fails, throws an error whose message points to `mir doctor`. */
export async function opened<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw new Error(`${messageOf(error)}\nRun \`mir doctor\` to check every store and see how to fix problems.`, {
      cause: error,
    });
  }
}

/**
 * Runs one operation against the stores and prints its result, as JSON with `--json` and otherwise as formatted by
 * `show`. Pass null as `show` if the operation prints its own output.
 */
export async function operate<T>(
  shell: Shell,
  command: Command,
  work: (ctx: CliContext, auditContext: AuditContext) => Promise<T>,
  show: ((result: T) => string) | null,
): Promise<void> {
  const ctx = await opened(openCliContext(readCliConfig(shell.env)));
  try {
    const { json, as = defaultOperatorName(shell.env) } = command.optsWithGlobals<{ json?: boolean; as?: string }>();
    const result = await work(ctx, auditContextForCli(as));
    if (show === null) return;
    shell.out(`${json ? JSON.stringify(result, null, 2) : show(result)}\n`);
  } finally {
    await ctx.close();
  }
}

/** Parses a non-negative integer option. Leaves the range check to the operation. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Must be a whole number.');
  return Number(text);
}

/** Returns a parser for an integer option whose value must be from 0 to `max`. */
export function wholeNumberUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text);
    if (value > max) throw new InvalidArgumentError(`Must be a number from 0 to ${max}.`);
    return value;
  };
}

/** Returns a copy of `fields` without the undefined values. */
export function given<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Adds the `--limit` and `--cursor` options. */
export function paged(command: Command): Command {
  return command
    .addOption(
      new Option('--limit <n>', `items per page, 1–${MAX_PAGE_SIZE}`).argParser(pageSize).default(DEFAULT_PAGE_SIZE),
    )
    .option('--cursor <cursor>', 'cursor shown below the previous page');
}

function pageSize(text: string): number {
  const size = wholeNumber(text);
  if (size < 1 || size > MAX_PAGE_SIZE) throw new InvalidArgumentError(`Must be a number from 1 to ${MAX_PAGE_SIZE}.`);
  return size;
}
