import type { VNode } from 'preact';
import type { PresentedEntry } from '../../../audit/present-entry';
import { actionText, actorText } from '../../audit/audit-words';
import { Empty, Panel, RelativeTime } from '../../design/app-parts';
import { agentPath } from '../paths';

/** Lists changes with their actors and reasons, newest first. */
export function AuditLog({
  title,
  empty,
  entries,
}: {
  title: string;
  /** Says what will appear here. */
  empty: string;
  entries: readonly PresentedEntry[];
}): VNode {
  return (
    <Panel title={title} flush>
      {entries.length === 0 ? (
        <Empty title="Nothing lately">
          <p>{empty}</p>
        </Empty>
      ) : (
        <ul class="log">
          {entries.map(({ auditId, action, actor, target, reason, at }) => (
            <li key={auditId}>
              <strong>
                {target.startsWith('agt_') ? <a href={agentPath(target)}>{actionText(action)}</a> : actionText(action)}
              </strong>
              {reason !== null && <span>“{reason}”</span>}
              <span class="quiet small">
                {actorText(actor)}, <RelativeTime at={new Date(at)} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
