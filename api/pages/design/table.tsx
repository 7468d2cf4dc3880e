import type { ComponentChildren, VNode } from 'preact';

export interface Column<Row> {
  head: string;
  cell: (row: Row) => ComponentChildren;
  /** Right-aligned, tabular figures. */
  numeric?: boolean;
}

interface TableProps<Row> {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** What stands there while there are no rows: what will appear here, and how. */
  empty: ComponentChildren;
}

/** Rows and columns; the first column names the row. Scrolls by itself on a narrow screen. */
export function Table<Row>({ caption, columns, rows, keyOf, empty }: TableProps<Row>): VNode {
  if (rows.length === 0) return <p class="quiet">{empty}</p>;
  const classOf = ({ numeric }: Column<Row>) => (numeric ? { class: 'num' } : {});
  return (
    <div class="table" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" {...classOf(column)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, index) =>
                index === 0 ? (
                  <th key={column.head} scope="row" {...classOf(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.head} {...classOf(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
