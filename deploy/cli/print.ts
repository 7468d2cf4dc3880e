import Table from 'cli-table3';
import { publicDetail } from '../../api/http/details';
import { MirError, messageOf, messageWithCauses, storeUnavailable } from '../../shared/errors';
import { isStoreOutage } from '../../shared/store/errors';

// Control characters, including C1 and bidirectional overrides, would let stored text control the operator's terminal.
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

type Cell = string | number | boolean | null;

/** Replaces characters that are unsafe to print on a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '�');
}

/** Formats a value for a table cell. */
export function cell(value: Cell): string {
  return value === null ? '–' : printable(String(value));
}

const plain = { head: [], border: [] };

// Maximum text width in columns. Sheets have one value per row, so they have more room than tables.
const TABLE_TEXT_COLUMNS = 48;
const SHEET_TEXT_COLUMNS = 72;

/** Wraps a value only at spaces, so IDs and keys can be copied in one piece. */
function lines(value: Cell, columns: number): string {
  return cell(value).replaceAll(new RegExp(`(?![^\\n]{1,${columns}}$)([^\\n]{1,${columns}})[ ]`, 'gm'), '$1\n');
}

/** Formats rows as a table. */
export function table(head: string[], rows: Cell[][]): string {
  const output = new Table({ head, style: plain });
  output.push(...rows.map((row) => row.map((value) => lines(value, TABLE_TEXT_COLUMNS))));
  return output.toString();
}

/** Formats name-value pairs, one per row. */
export function sheet(pairs: Record<string, Cell>): string {
  const output = new Table({ style: plain });
  output.push(...Object.entries(pairs).map(([name, value]) => ({ [name]: lines(value, SHEET_TEXT_COLUMNS) })));
  return output.toString();
}

/** Formats a page of a list, followed by the option that shows the next page, if there is one. */
export function pageTable<Item>(
  { data, nextCursor }: { data: Item[]; nextCursor: string | null },
  head: string[],
  row: (item: Item) => Cell[],
): string {
  if (data.length === 0) return 'None.';
  return table(head, data.map(row)) + (nextCursor === null ? '' : `\nNext page: add --cursor ${nextCursor}`);
}

/** Formats keys as plain lines, because a table would wrap them. */
export function secrets(pairs: Record<string, string>): string {
  const lines = Object.entries(pairs).map(([name, value]) => `  ${name.padEnd(12)}${value}`);
  return `${lines.join('\n')}\nCopy the keys now: MIR stores only their hashes and cannot show them again.`;
}

/**
 * Formats an error for stderr: its code, detail, invalid fields and cause. Includes the cause even if it contains a
 * driver's message, because the CLI does not write a log.
 */
export function failure(error: unknown, json: boolean): string {
  const problem = isStoreOutage(error) ? storeUnavailable(error) : error;
  const code = problem instanceof MirError ? problem.code : 'FAILED';
  const detail = problem instanceof MirError ? publicDetail(problem) : messageOf(problem);
  const errors = problem instanceof MirError ? problem.more.errors : undefined;
  const cause =
    problem instanceof MirError && problem.cause !== undefined ? messageWithCauses(problem.cause) : undefined;
  if (json) return JSON.stringify({ code, detail, ...(errors ? { errors } : {}), ...(cause ? { cause } : {}) });
  const fields = (errors ?? []).map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`);
  return printable([`${code}: ${detail}`, ...fields, ...(cause ? [`  cause: ${cause}`] : [])].join('\n'));
}
