import type { VNode } from 'preact';
import { monthName, MonthTable, type Series } from './month-table';

interface ChartProps {
  /** What is counted, as the figure's name: "Events by month". */
  title: string;
  /** Months as YYYY-MM, oldest first. */
  months: readonly string[];
  series: readonly Series[];
  /** What stands there while there is nothing to draw. */
  empty: string;
}

/** Bars that still can be read on a phone; the table beneath has every month. */
const DRAWN_MONTHS = 12;
/** Distinguishable fills; of more series the smallest are drawn as one and listed separately in the table. */
const DRAWN_SERIES = 4;
const STEP = 30;
const BAR = 20;
const HEIGHT = 150;
const TOP = 18;
const FOOT = 22;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** Counts that stand above their bar without touching the next one's; the table has them whole. */
const LONGEST_WHOLE = 9_999;
const compact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumSignificantDigits: 3 });
const above = (count: number): string => (count > LONGEST_WHOLE ? compact.format(count) : String(count));

/** The largest first; what is beyond the drawn ones is added up as the last. */
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
                {above(totals[at]!)}
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

/** Stacked bars by month (the last twelve), their legend, and the same numbers to read. */
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
