import type { ComponentChildren, VNode } from 'preact';

/** The page's only h1. */
export function Heading({ children }: { children: ComponentChildren }): VNode {
  return <h1>{children}</h1>;
}

/** A list of labeled facts. Null entries are omitted. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren] | null)[] }): VNode {
  return (
    <dl class="facts">
      {facts.map(
        (fact) =>
          fact && (
            <div key={fact[0]}>
              <dt>{fact[0]}</dt>
              <dd>{fact[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

/** A key, secret or address to copy. A click selects all of it. `labelledBy` is the ID of its heading, if it has one. */
export function Secret({
  id,
  labelledBy,
  children,
}: {
  id?: string;
  labelledBy?: string;
  children: ComponentChildren;
}): VNode {
  return (
    <code class="secret" {...(id && { id })} {...(labelledBy && { 'aria-labelledby': labelledBy })}>
      {children}
    </code>
  );
}

/** A message about something that just happened (`done`) or that needs attention (`warn`). */
export function Notice({
  kind = 'done',
  title,
  children,
}: {
  kind?: 'done' | 'warn';
  title?: string;
  children: ComponentChildren;
}): VNode {
  return (
    <div class={kind === 'warn' ? 'notice warn' : 'notice'} role={kind === 'warn' ? 'alert' : 'status'}>
      {title && <h2>{title}</h2>}
      {children}
    </div>
  );
}

/**
 * A list with check marks, or with dashes if `no` is set. Screen readers skip the marks, so the text must make sense
 * without them.
 */
export function Marks({ no = false, items }: { no?: boolean; items: readonly ComponentChildren[] }): VNode {
  return (
    <ul class={no ? 'marks no' : 'marks'}>
      {items.map((item, index) => (
        <li key={String(index)}>{item}</li>
      ))}
    </ul>
  );
}

/** Sections side by side, if there is room. */
export function Columns({ children }: { children: ComponentChildren }): VNode {
  return <div class="columns">{children}</div>;
}

/** A number, ID or code in tabular figures. */
export function Num({ children }: { children: ComponentChildren }): VNode {
  return <span class="num">{children}</span>;
}

/** A day in UTC, such as "4 March 2026". */
export function Day({ at }: { at: Date }): VNode {
  const text = at.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
  return <time dateTime={at.toISOString().slice(0, 10)}>{text}</time>;
}
