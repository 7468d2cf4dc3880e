import type { VNode } from 'preact';

/** One platform's events. `counts` has one number for each month in the chart. */
export interface Series {
  name: string;
  counts: readonly number[];
}

/** Returns "Sep" or "Sep 2026" for "2026-09". */
export function monthName(month: string, form: 'short' | 'long'): string {
  const date = new Date(`${month}-01T00:00:00Z`);
  const name = date.toLocaleDateString('en-GB', { month: 'long', timeZone: 'UTC' }).slice(0, 3);
  return form === 'short' ? name : `${name} ${date.getUTCFullYear()}`;
}

/** Tables with up to this many lines start expanded. */
const OPEN_LINES = 24;

interface MonthTableProps {
  title: string;
  /** Months as YYYY-MM, oldest first. */
  months: readonly string[];
  series: readonly Series[];
}

interface MonthRow {
  name: string;
  count: number;
}

/** Returns the platforms with events in a month, most events first, or a single "none" row if there are no events. */
function rowsOf(series: readonly Series[], at: number): MonthRow[] {
  const rows = series.map(({ name, counts }) => ({ name, count: counts[at] ?? 0 })).filter(({ count }) => count > 0);
  return rows.length === 0 ? [{ name: 'none', count: 0 }] : rows.sort((a, b) => b.count - a.count);
}

/**
 * Shows one line for each platform in each month, so any number of platforms and names of any length fit on a phone.
 */
export function MonthTable({ title, months, series }: MonthTableProps): VNode {
  const byMonth = months.map((month, at) => ({ month, rows: rowsOf(series, at) })).reverse();
  const named = series.length > 1;
  const lines = byMonth.reduce((total, { rows }) => total + rows.length, 0);
  return (
    <details open={lines <= OPEN_LINES}>
      <summary>{title} as a table</summary>
      <table>
        <caption class="visually-hidden">{title}, newest first</caption>
        <thead>
          <tr>
            <th scope="col">Month</th>
            {named && <th scope="col">Platform</th>}
            <th scope="col" class="num">
              Events
            </th>
          </tr>
        </thead>
        {byMonth.map(({ month, rows }) => (
          <tbody key={month}>
            {rows.map(({ name, count }, index) => (
              <tr key={name}>
                {index === 0 && (
                  <th scope="rowgroup" rowSpan={rows.length}>
                    {monthName(month, 'long')}
                  </th>
                )}
                {named && <td>{name}</td>}
                <td class="num">{count}</td>
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </details>
  );
}
