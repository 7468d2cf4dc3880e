import type { VNode } from 'preact';

/** A bar with its time, as shown below it, and its count. */
export interface Bar {
  label: string;
  count: number;
}

const WIDTH = 640;
const HEIGHT = 150;
const TOP = 16;
const FOOT = 22;
const LEFT = 46;
const LINES = 3;
/** The label of every sixth bar is shown below it. */
const LABELED = 6;
/** Room that a label needs before the one of the last bar. */
const LABEL_WIDTH = 64;

/** Returns the smallest round number that is at least `count` and can be divided into the lines of the grid. */
function scaleOf(count: number): number {
  const step = 10 ** Math.floor(Math.log10(Math.max(1, count / LINES)));
  return Math.max(LINES, Math.ceil(count / LINES / step) * step * LINES);
}

const compact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumSignificantDigits: 3 });

/** Counts over time as bars. `last` replaces the label of the last bar. Screen readers get the table that every page shows behind the chart. */
export function BarChart({ bars, last = 'now' }: { bars: readonly Bar[]; last?: string }): VNode {
  const scale = scaleOf(Math.max(0, ...bars.map(({ count }) => count)));
  const step = (WIDTH - LEFT) / bars.length;
  const yOf = (count: number): number => TOP + HEIGHT - (count / scale) * HEIGHT;
  return (
    <svg class="bars" viewBox={`0 0 ${WIDTH} ${TOP + HEIGHT + FOOT}`} aria-hidden="true" focusable="false">
      {Array.from({ length: LINES + 1 }, (_, line) => {
        const count = (scale / LINES) * line;
        return (
          <g key={String(line)}>
            <line x1={LEFT} x2={WIDTH} y1={yOf(count)} y2={yOf(count)} />
            <text x={LEFT - 8} y={yOf(count) + 4} text-anchor="end">
              {compact.format(count)}
            </text>
          </g>
        );
      })}
      {bars.map(({ label, count }, index) => {
        const x = LEFT + index * step;
        const isLast = index === bars.length - 1;
        const hasRoom = (bars.length - 1 - index) * step >= LABEL_WIDTH;
        return (
          <g key={label}>
            {count > 0 && (
              <rect x={x + step * 0.15} y={yOf(count)} width={step * 0.7} height={TOP + HEIGHT - yOf(count)} rx="2" />
            )}
            {((index % LABELED === 0 && hasRoom) || isLast) && (
              <text x={isLast ? WIDTH : x + step / 2} y={TOP + HEIGHT + 16} text-anchor={isLast ? 'end' : 'start'}>
                {isLast ? last || label : label}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}
