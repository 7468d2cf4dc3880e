import type { VNode } from 'preact';
import { monthName, MonthTable, type Series } from './month-table';

interface ChartProps {
  /** For example, "Events by month". */
  title: string;
  /** Months as YYYY-MM, oldest first. */
  months: readonly string[];
  series: readonly Series[];
  /** Text shown instead of the chart when all counts are 0. */
  empty: string;
}

/** Maximum number of bars that are readable on a phone. The table below the chart lists every month. */
const DRAWN_MONTHS = 12;
/**
 * Maximum number of fills that are easy to tell apart. The smallest series share the last fill; the table lists each
 * series.
 */
const DRAWN_SERIES = 4;
const STEP = 30;
const BAR = 20;
const HEIGHT = 150;
const TOP = 18;
const FOOT = 22;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** The largest count that fits above its bar. The chart abbreviates larger counts; the table shows them in full. */
const MAX_UNABBREVIATED = 9_999;
const compact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumSignificantDigits: 3 });
const labelOf = (count: number): string => (count > MAX_UNABBREVIATED ? compact.format(count) : String(count));

/**
 * Sorts series by size, largest first. If there are more than `DRAWN_SERIES`, combines the smallest series into one.
 */
function drawnSeries(series: readonly Series[]): Series[] {
  const sorted = [...series].sort((a, b) => sum(b.counts) - sum(a.counts));
  if (sorted.length <= DRAWN_SERIES) return sorted;
  const rest = sorted.slice(DRAWN_SERIES - 1);
  const counts = rest[0]!.counts.map((_, month) => sum(rest.map((one) => one.counts[month] ?? 0)));
  return [...sorted.slice(0, DRAWN_SERIES - 1), { name: `${rest.length} others`, counts }];
}

function Bars({ months, series }: { months: readonly string[]; series: readonly Series[] }): VNode {
  const totals = months.map((_, month) => sum(series.map(({ counts }) => counts[month] ?? 0)));
  const highest = Math.max(1, ...totals);
  const width = Math.max(months.length * STEP, STEP * DRAWN_MONTHS);
  return (
    <svg viewBox={`0 0 ${width} ${TOP + HEIGHT + FOOT}`} aria-hidden="true" focusable="false">
      {months.map((month, at) => {
        let base = TOP + HEIGHT;
        const x = at * STEP + (STEP - BAR) / 2;
        return (
          <g key={month}>
            {series.map(({ name, counts }, index) => {
              const height = ((counts[at] ?? 0) / highest) * HEIGHT;
              base -= height;
              return height > 0 ? (
                <rect
                  key={name}
                  x={x}
                  y={base.toFixed(1)}
                  width={BAR}
                  height={height.toFixed(1)}
                  class={`series-${index + 1}`}
                />
              ) : null;
            })}
            {totals[at]! > 0 && (
              <text x={x + BAR / 2} y={(base - 4).toFixed(1)}>
                {labelOf(totals[at]!)}
              </text>
            )}
            <text class="month" x={x + BAR / 2} y={TOP + HEIGHT + 16}>
              {monthName(month, 'short')}
            </text>
          </g>
        );
      })}
      <line x1="0" x2={width} y1={TOP + HEIGHT} y2={TOP + HEIGHT} />
    </svg>
  );
}

/** Stacked bars for the last twelve months, with a legend and a table of the numbers. */
export function Chart({ title, months, series, empty }: ChartProps): VNode {
  if (series.every(({ counts }) => sum(counts) === 0)) return <p class="quiet">{empty}</p>;
  const first = Math.max(0, months.length - DRAWN_MONTHS);
  const shown = months.slice(first);
  const drawn = drawnSeries(series).map(({ name, counts }) => ({ name, counts: counts.slice(first) }));
  const span = [shown[0]!, shown.at(-1)!].map((month) => monthName(month, 'long')).join(' to ');
  return (
    <figure class="chart">
      <figcaption class="quiet">{`${title}, ${span}`}</figcaption>
      <Bars months={shown} series={drawn} />
      <ul class="legend">
        {drawn.map(({ name }, index) => (
          <li key={name}>
            <svg viewBox="0 0 10 10" aria-hidden="true" focusable="false">
              <rect width="10" height="10" class={`series-${index + 1}`} />
            </svg>
            {name}
          </li>
        ))}
      </ul>
      <MonthTable title={title} months={months} series={series} />
    </figure>
  );
}
