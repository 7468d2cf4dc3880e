import type { VNode } from 'preact';
import type { PresentedEntry } from '../../../audit/present-entry';
import { actionText, actorText } from '../../audit/audit-words';
import { DataTable, RelativeTime } from '../../design/app-parts';

/** A page of audit entries. */
export interface AuditEntries {
  data: readonly PresentedEntry[];
  nextCursor: string | null;
}

/** A table of changes from the audit log, newest first. */
export function ChangeTable({ entries }: { entries: AuditEntries['data'] }): VNode {
  return (
    <DataTable
      caption="Changes"
      columns={[{ text: 'Change' }, { text: 'Of' }, { text: 'By' }, { text: 'When' }, { text: 'Reason' }]}
      rows={entries.map(({ auditId, action, target, actor, at, reason }) => ({
        key: auditId,
        cells: [
          actionText(action),
          <code>{target}</code>,
          <bdi>{actorText(actor)}</bdi>,
          <RelativeTime at={new Date(at)} />,
          reason === null ? 'None' : <bdi>{reason}</bdi>,
        ],
      }))}
    />
  );
}
