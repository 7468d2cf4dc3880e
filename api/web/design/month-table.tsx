import type { VNode } from 'preact';

/** One partner's counts, month by month; `counts` has one number for each of the chart's months. */
export interface Series {
  name: string;
  counts: readonly number[];
}

/** Sep, or Sep 2026. */
export function monthName(month: string, form: 'short' | 'long'): string {
  const date = new Date(`${month}-01T00:00:00Z`);
  const name = date.toLocaleDateString('en-GB', { month: 'long', timeZone: 'UTC' }).slice(0, 3);
  return form === 'short' ? name : `${name} ${date.getUTCFullYear()}`;
}

/** Lines that are shown without being asked for. */
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

/** Who had events in a month, the most first; a month without any still has its row. */
function rowsOf(series: readonly Series[], at: number): MonthRow[] {
  const rows = series.map(({ name, counts }) => ({ name, count: counts[at] ?? 0 })).filter(({ count }) => count > 0);
  return rows.length === 0 ? [{ name: 'none', count: 0 }] : rows.sort((a, b) => b.count - a.count);
}

/** A month, a series (where there are several) and its number in each line: names of any length and any number of them fit a phone. */
export function MonthTable({ title, months, series }: MonthTableProps): VNode {
  const byMonth = months.map((month, at) => ({ month, rows: rowsOf(series, at) })).reverse();
  const named = series.length > 1;
  const lines = byMonth.reduce((total, { rows }) => total + rows.length, 0);
  return (
    <details open={lines <= OPEN_LINES}>
      <summary>{title}, in numbers</summary>
      <table>
        <caption class="unseen">{title}, newest first</caption>
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
