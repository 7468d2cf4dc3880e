import { describe, expect, it } from '@jest/globals';
import { type SortableColumn, sortTable } from '../../../../api/web/design/sort-table';
import { csvLine } from '../../../../api/web/http/csv';

interface Item {
  name: string;
  used: number | null;
}

const ITEMS: Item[] = [
  { name: 'key 10', used: 3 },
  { name: 'Key 9', used: null },
  { name: 'key 2', used: 7 },
];
const COLUMNS: SortableColumn<Item>[] = [
  { text: 'Name', name: 'name', by: ({ name }) => name },
  { text: 'Used', numeric: true, name: 'used', by: ({ used }) => used },
  { text: 'Action' },
];

describe('sortTable', () => {
  const sort = (query: Record<string, string>, href = '/keys') =>
    sortTable(ITEMS, COLUMNS, { query, href, initial: { name: 'used', order: 'asc' } });
  const names = (query: Record<string, string>): string[] => sort(query).items.map(({ name }) => name);

  it('sorts as the query asks, text by its words and numbers', () => {
    expect(names({ sort: 'name' })).toEqual(['key 2', 'Key 9', 'key 10']);
    expect(names({ sort: 'name', order: 'desc' })).toEqual(['key 10', 'Key 9', 'key 2']);
  });

  it('puts missing values last in both orders', () => {
    expect(names({ sort: 'used', order: 'asc' })).toEqual(['key 10', 'key 2', 'Key 9']);
    expect(names({ sort: 'used', order: 'desc' })).toEqual(['key 2', 'key 10', 'Key 9']);
  });

  it.each([{}, { sort: 'secret' }, { sort: '__proto__', order: 'desc' }])(
    'uses the initial order for the query %j',
    (query) => {
      expect(names(query)).toEqual(['key 10', 'key 2', 'Key 9']);
    },
  );

  it('links each sortable heading to the next order, and keeps the rest of the address', () => {
    expect(sort({ sort: 'name', order: 'asc' }, '/usage?month=2026-11').columns).toEqual([
      { text: 'Name', sort: { href: '/usage?month=2026-11&sort=name&order=desc', order: 'asc' } },
      { text: 'Used', numeric: true, sort: { href: '/usage?month=2026-11&sort=used&order=desc', order: null } },
      { text: 'Action' },
    ]);
  });

  it('ignores an unknown order', () => {
    expect(names({ sort: 'used', order: 'sideways' })).toEqual(['key 2', 'key 10', 'Key 9']);
  });
});

describe('csvLine', () => {
  it('quotes separators, and keeps texts from becoming formulas', () => {
    expect(csvLine(['a,b', 'say "x"', 'two\nlines', -1])).toBe('"a,b","say ""x""","two\nlines",-1\r\n');
    for (const text of ['=1+1', '+1', '-1', '@A1', '\tx']) expect(csvLine([text])).toBe(`'${text}\r\n`);
    expect(csvLine(['\r=1'])).toBe('"\'\r=1"\r\n');
  });
});
