import type { ComponentChildren, VNode } from 'preact';
import type { Env } from '../../../shared/domain/ids';

/** One figure with its label and a sentence about it. */
export interface Tile {
  label: string;
  figure: ComponentChildren;
  note?: ComponentChildren;
}

/** The figures of the day, side by side. */
export function Tiles({ label, tiles }: { label: string; tiles: readonly Tile[] }): VNode {
  return (
    <section class="tiles" aria-label={label}>
      {tiles.map(({ label: name, figure, note }) => (
        <dl key={name} class="panel tile">
          <dt>{name}</dt>
          <dd class="figure">{figure}</dd>
          {note && <dd>{note}</dd>}
        </dl>
      ))}
    </section>
  );
}

/**
 * A framed part of a page. `flush` lets its content, such as a table, reach the frame. `action` is shown beside the title.
 */
export function Panel({
  title,
  action,
  flush = false,
  children,
}: {
  title?: string;
  action?: ComponentChildren;
  flush?: boolean;
  children: ComponentChildren;
}): VNode {
  return (
    <section class="panel">
      {title && (
        <header>
          <h2>{title}</h2>
          {action}
        </header>
      )}
      {flush ? children : <div class="body">{children}</div>}
    </section>
  );
}

/** Panels side by side, the first one wider, if there is room. */
export function Split({ children }: { children: ComponentChildren }): VNode {
  return <div class="split">{children}</div>;
}

export interface Column {
  text: string;
  /** Aligns numbers at the right. */
  numeric?: true | undefined;
  /** Makes the heading a link that sorts the table by this column. `sortTable` sets it. */
  sort?: ColumnSort | undefined;
}

export type SortOrder = 'asc' | 'desc';

interface ColumnSort {
  /** The page with the table sorted by this column. */
  href: string;
  /** How the table is sorted by this column. Null if it is sorted by another one. */
  order: SortOrder | null;
}

export interface Row {
  key: string;
  /** One cell per column. The first one is the row's header. */
  cells: readonly ComponentChildren[];
}

const SORT_SHAPES = { asc: '↑', desc: '↓', none: '↕' } as const;
const ARIA_SORT = { asc: 'ascending', desc: 'descending' } as const;

function ColumnHeading({ column: { text, sort }, kind }: { column: Column; kind: string }): VNode {
  return (
    <th scope="col" class={kind} {...(sort?.order && { 'aria-sort': ARIA_SORT[sort.order] })}>
      {sort ? (
        <a href={sort.href}>
          {text} <span aria-hidden="true">{SORT_SHAPES[sort.order ?? 'none']}</span>
        </a>
      ) : (
        text
      )}
    </th>
  );
}

/** A table. On narrow screens, each row becomes a block with its labels. `caption` is read by screen readers. */
export function DataTable({
  caption,
  columns,
  rows,
}: {
  caption: string;
  columns: readonly Column[];
  rows: readonly Row[];
}): VNode {
  const kindOf = (index: number): string => (columns[index]?.numeric ? 'num' : '');
  return (
    <div
      class={columns.some(({ sort }) => sort) ? 'table sortable' : 'table'}
      role="region"
      aria-label={caption}
      tabIndex={0}
    >
      <table>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column, index) => (
              <ColumnHeading key={column.text} column={column} kind={kindOf(index)} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells: [first, ...others] }) => (
            <tr key={key}>
              <th scope="row" class={kindOf(0)}>
                {first}
              </th>
              {others.map((cell, index) => (
                <td key={String(index)} class={kindOf(index + 1)} data-label={columns[index + 1]?.text}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const STATE_SHAPES = { active: '●', suspended: '◐', pending: '◌', ended: '○' } as const;

/** A state as a word with a shape. Its color only repeats what they say. */
export function State({ kind, children }: { kind: keyof typeof STATE_SHAPES; children: ComponentChildren }): VNode {
  return (
    <span class={`state ${kind}`}>
      <span aria-hidden="true">{STATE_SHAPES[kind]}</span> {children}
    </span>
  );
}

/** Says what a list will contain, and how to get there. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }): VNode {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

const UNITS = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;
const MINUTE_SECONDS = 60;
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });

/** Returns a time relative to now, such as "3 hours ago" or "in 6 days". */
export function relativeTime(at: Date, nowMs = Date.now()): string {
  const exact = (at.getTime() - nowMs) / 1_000;
  // What was just given seven days has them, although the first second is over.
  const seconds = exact >= MINUTE_SECONDS ? exact + MINUTE_SECONDS - 1 : exact;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return seconds > 0 ? 'in less than a minute' : 'just now';
}

/** A time relative to now. The exact one in UTC is shown on hover and printed. */
export function RelativeTime({ at }: { at: Date }): VNode {
  const exact = `${at.toISOString().replace('T', ' ').slice(0, 19)} UTC`;
  return (
    <time dateTime={at.toISOString()} title={exact}>
      {relativeTime(at)}
    </time>
  );
}

/** Links of which one is chosen, such as the filter of a list. Each option has a value and a text. */
export function Segments<Value extends string>({
  label,
  options,
  chosen,
  hrefOf,
}: {
  label: string;
  options: readonly (readonly [Value, string])[];
  chosen: Value;
  hrefOf: (value: Value) => string;
}): VNode {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map(([value, text]) => (
        <a key={value} href={hrefOf(value)} {...(value === chosen ? { 'aria-current': 'true' as const } : {})}>
          {text}
        </a>
      ))}
    </div>
  );
}

export const ENVIRONMENT_NAMES: Record<Env, string> = { live: 'Live', test: 'Test' };

/** Switches between the live and the test environment of the same page. */
export function EnvironmentSwitch({ env, hrefOf }: { env: Env; hrefOf: (env: Env) => string }): VNode {
  return (
    <Segments
      label="Environment"
      options={[
        ['live', 'Live'],
        ['test', 'Test'],
      ]}
      chosen={env}
      hrefOf={hrefOf}
    />
  );
}

/** A link to the next page of a list. Renders nothing on the last page. */
export function NextPage({ href, cursor }: { href: string; cursor: string | null }): VNode | null {
  if (cursor === null) return null;
  return (
    <p class="next-page">
      <a href={`${href}${href.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`}>Next page</a>
    </p>
  );
}
