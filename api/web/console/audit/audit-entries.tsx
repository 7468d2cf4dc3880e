import type { VNode } from 'preact';
import type { PresentedEntry } from '../../../audit/present-entry';
import { countText } from '../../design/count-text';
import { DataTable, RelativeTime } from '../../design/app-parts';
import { Facts } from '../../design/text';
import { changedValues } from '../../audit/audit-values';
import { actionText, actorText } from '../../audit/audit-words';

/** The values of an entry. Each that existed before and after the change is shown twice, as words, not only by color. */
function Values({ entry }: { entry: PresentedEntry }): VNode | null {
  const values = changedValues(entry);
  if (values.length === 0) return null;
  if (entry.before === null || entry.after === null) {
    return <Facts facts={values.map(({ name, before, after }) => [name, after ?? before] as const)} />;
  }
  return (
    <DataTable
      caption="What changed"
      columns={[{ text: 'Value' }, { text: 'Before' }, { text: 'After' }]}
      rows={values.map(({ name, before, after }) => ({
        key: name,
        cells: [name, before ?? 'None', before === after ? 'Unchanged' : (after ?? 'None')],
      }))}
    />
  );
}

function sealText({ seq }: PresentedEntry): string {
  return seq === null ? 'Not sealed yet, usually within a second' : `Entry ${countText(seq)} of the chain`;
}

function Entry({ entry }: { entry: PresentedEntry }): VNode {
  const { action, target, reason, at, requestId, cascadeId, auditId, hash } = entry;
  return (
    <li>
      <details class="change">
        <summary>
          <span class="what">
            <strong>{actionText(action)}</strong>
            <code>{target}</code>
          </span>
          <span class="who">
            <bdi>{actorText(entry.actor)}</bdi>
            {reason !== null && <q>{reason}</q>}
          </span>
          <span class="when">
            <RelativeTime at={new Date(at)} />
          </span>
        </summary>
        <Values entry={entry} />
        <Facts
          facts={[
            ['When', `${at.replace('T', ' ').replace('Z', '')} UTC`],
            ['Action', <code>{action}</code>],
            ['Request', <code>{requestId}</code>],
            cascadeId === null ? null : ['Kill', <code>{cascadeId}</code>],
            ['Position', sealText(entry)],
            ['Entry ID', <code>{auditId}</code>],
            hash === null ? null : ['Hash', <code>{hash}</code>],
          ]}
        />
      </details>
    </li>
  );
}

/** Audit entries, newest first. Each shows what, who, why and when, and opens to what changed. */
export function AuditEntries({ entries }: { entries: readonly PresentedEntry[] }): VNode {
  return (
    <ol class="entries" aria-label="Audit entries">
      {entries.map((entry) => (
        <Entry key={entry.auditId} entry={entry} />
      ))}
    </ol>
  );
}
