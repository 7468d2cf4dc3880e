import type { ComponentChildren, VNode } from 'preact';

export interface ShownRecord {
  key: string;
  name: ComponentChildren;
  /** A line or two about it. */
  lines: readonly ComponentChildren[];
  action: ComponentChildren;
}

/** Few things with a name, a line about each and one thing to do: reads well on a phone, where a table does not. */
export function Records({ label, records }: { label: string; records: readonly ShownRecord[] }): VNode {
  return (
    <ul class="records" aria-label={label}>
      {records.map(({ key, name, lines, action }) => (
        <li key={key}>
          <div>
            <h3>{name}</h3>
            {lines.map((line, index) => (
              <p key={String(index)} class={index === 0 ? '' : 'quiet small'}>
                {line}
              </p>
            ))}
          </div>
          {action}
        </li>
      ))}
    </ul>
  );
}
