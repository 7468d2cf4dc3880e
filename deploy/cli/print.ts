import Table from 'cli-table3';
import { publicDetail } from '../../api/http/details';
import { MirError, messageOf, messageWithCauses, storeUnavailable } from '../../shared/errors';
import { isStoreOutage } from '../../shared/store/errors';

// Control characters, C1 and bidirectional overrides among them: stored text must not steer the operator's terminal.
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

type Cell = string | number | boolean | null;

/** Stored text, fit for a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '�');
}

/** A value as the operator's terminal may show it. */
export function cell(value: Cell): string {
  return value === null ? '–' : printable(String(value));
}

const plain = { head: [], border: [] };

/** Columns that a text of several words takes at most: where it stands beside others, and where it stands alone. */
const TABLE_TEXT_COLUMNS = 48;
const SHEET_TEXT_COLUMNS = 72;

/** A value in lines of so many columns, broken at spaces only: ids and keys stay whole, to be copied. */
function lines(value: Cell, columns: number): string {
  return cell(value).replaceAll(new RegExp(`(?![^\\n]{1,${columns}}$)([^\\n]{1,${columns}})[ ]`, 'gm'), '$1\n');
}

/** Rows under their headings. */
export function table(head: string[], rows: Cell[][]): string {
  const made = new Table({ head, style: plain });
  made.push(...rows.map((row) => row.map((value) => lines(value, TABLE_TEXT_COLUMNS))));
  return made.toString();
}

/** Name and value, one pair a line. */
export function sheet(pairs: Record<string, Cell>): string {
  const made = new Table({ style: plain });
  made.push(...Object.entries(pairs).map(([name, value]) => ({ [name]: lines(value, SHEET_TEXT_COLUMNS) })));
  return made.toString();
}

/** A page of a list, with how to get the next one. */
export function pageTable<Item>(
  { data, nextCursor }: { data: Item[]; nextCursor: string | null },
  head: string[],
  row: (item: Item) => Cell[],
): string {
  if (data.length === 0) return 'None.';
  return table(head, data.map(row)) + (nextCursor === null ? '' : `\nMore: add --cursor ${nextCursor}`);
}

/** Keys as text of their own: a table would break them over lines. */
export function secrets(pairs: Record<string, string>): string {
  const lines = Object.entries(pairs).map(([name, value]) => `  ${name.padEnd(12)}${value}`);
  return `${lines.join('\n')}\nThe keys are shown this once; only their hashes are stored.`;
}

/**
 * What went wrong, for stderr: the problem's code, its detail as a response has it, every field at fault, and what caused it. The operator
 * may read a driver's message here: the CLI writes no log that would have it.
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
