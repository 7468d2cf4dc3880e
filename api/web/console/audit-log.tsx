import type { VNode } from 'preact';
import type { PresentedEntry } from '../../audit/present-entry';
import { actorText } from '../agents/actor-text';
import { Empty, Panel, RelativeTime } from '../design/app-parts';
import { agentPath } from './agent-parts';

const ACTIONS: Readonly<Record<string, string>> = {
  'partner.created': 'Created the partner',
  'partner.updated': 'Changed plan or limits',
  'partner.suspended': 'Suspended the partner',
  'partner.unsuspended': 'Reactivated the partner',
  'partner.key.rotated': 'Replaced all keys of an environment',
  'key.revoked': 'Revoked a key',
  'agent.registered': 'Registered the agent',
  'agent.registration.requested': 'Asked to register the agent',
  'agent.spawn.requested': 'Asked to create the agent',
  'agent.spawned': 'Created the agent',
  'agent.approved': 'Approved the agent',
  'agent.rejected': 'Rejected the agent',
  'agent.updated': 'Changed the agent',
  'agent.expired': 'The agent expired',
  'agent.key.rotated': 'Replaced the agent’s key',
  'agent.revoked': 'Revoked the agent',
  'member.invited': 'Invited a member',
  'user.erased': 'Erased a user',
  'agent.suspended': 'Suspended an agent',
  'agent.reactivated': 'Reactivated an agent',
  'agent.subtree.killed': 'Stopped an agent and all below it',
  'agent.subtree.kill.repeated': 'Stopped an agent again',
};

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
                {target.startsWith('agt_') ? (
                  <a href={agentPath(target)}>{ACTIONS[action] ?? action}</a>
                ) : (
                  (ACTIONS[action] ?? action)
                )}
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
