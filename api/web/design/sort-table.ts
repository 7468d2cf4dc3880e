import type { Column, SortOrder } from './app-parts';

/** A column of a table that can be sorted. */
export interface SortableColumn<Item> {
  text: string;
  numeric?: true;
  /** Name of the column in the query. The table can be sorted by the columns that have one. */
  name?: string;
  /** Returns what items are compared by. Null comes last in both orders. */
  by?: (item: Item) => string | number | null;
}

interface SortRequest {
  /** The query of the page. Its `sort` names a column, and its `order` is `asc` or `desc`. */
  query: Readonly<Record<string, string | undefined>>;
  /** Address of the page, with the rest of its query. */
  href: string;
  /** How the table is sorted if the query names no column. */
  initial: { name: string; order: SortOrder };
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b));
}

/**
 * Sorts a complete table as the query asks, on the server. Returns the sorted items, and the columns with links that
 * sort by them. Do not use it for a page of a longer list, because it would sort only that page.
 *
 * A link sorts numbers from the largest and everything else from the smallest, and then reverses the order.
 */
export function sortTable<Item>(
  items: readonly Item[],
  columns: readonly SortableColumn<Item>[],
  { query, href, initial }: SortRequest,
): { items: Item[]; columns: Column[] } {
  const asked = columns.find(({ name }) => name !== undefined && name === query['sort']);
  const chosen = asked ?? columns.find(({ name }) => name === initial.name)!;
  const first: SortOrder = chosen.numeric ? 'desc' : 'asc';
  const named = query['order'] === 'asc' || query['order'] === 'desc' ? query['order'] : first;
  const order = asked ? named : initial.order;
  const sign = order === 'asc' ? 1 : -1;
  const by = chosen.by!;
  return {
    items: items.toSorted((one, other) => {
      const [a, b] = [by(one), by(other)];
      if (a === null || b === null) return Number(a === null) - Number(b === null);
      return sign * compare(a, b);
    }),
    columns: columns.map((column) => {
      const { text, numeric, name } = column;
      if (name === undefined) return { text, numeric };
      const isChosen = column === chosen;
      const next = isChosen ? (order === 'asc' ? 'desc' : 'asc') : numeric ? 'desc' : 'asc';
      const separator = href.includes('?') ? '&' : '?';
      return {
        text,
        numeric,
        sort: { href: `${href}${separator}sort=${name}&order=${next}`, order: isChosen ? order : null },
      };
    }),
  };
}
