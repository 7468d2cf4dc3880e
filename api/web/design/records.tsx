import type { ComponentChildren, VNode } from 'preact';

export interface ShownRecord {
  key: string;
  name: ComponentChildren;
  lines: readonly ComponentChildren[];
  action: ComponentChildren;
}

/** A short list of records with a name, some lines of text and one action. Easier to read on a phone than a table. */
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
