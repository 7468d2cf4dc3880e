import type { VNode } from 'preact';
import type { PresentedEntry } from '../../audit/present-entry';
import { DataTable, RelativeTime } from '../design/app-parts';

/** A page of audit entries. */
export interface AuditEntries {
  data: readonly PresentedEntry[];
  nextCursor: string | null;
}

type Actor = PresentedEntry['actor'];

const ACTORS: Record<Exclude<Actor['kind'], 'MEMBER' | 'PARTNER' | 'AGENT'>, string> = {
  OPERATOR: 'The operator of this server',
  IDENTITY: 'The person, in their MIR account',
  FINDER: 'Someone who found the key',
  APPLICANT: 'The applicant',
  SYSTEM: 'MIR',
};

/** Who made a change, in words. */
function actorText(actor: Actor): string {
  if (actor.kind === 'MEMBER') return actor.name;
  if (actor.kind === 'AGENT') return `Agent ${actor.agentId}`;
  if (actor.kind === 'PARTNER') return actor.keyId === undefined ? 'An API key' : `API key ${actor.keyId}`;
  return ACTORS[actor.kind];
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
          <code>{action}</code>,
          <code>{target}</code>,
          <bdi>{actorText(actor)}</bdi>,
          <RelativeTime at={new Date(at)} />,
          reason === null ? 'None' : <bdi>{reason}</bdi>,
        ],
      }))}
    />
  );
}
