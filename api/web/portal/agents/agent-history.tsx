import type { VNode } from 'preact';
import type { PresentedEntry } from '../../../audit/present-entry';
import type { z } from 'zod';
import type { eventSchema } from '../../../events/present-event';
import { actionText, actorText } from '../../audit/audit-words';
import { DataTable, Empty, Panel, RelativeTime } from '../../design/app-parts';

export type PresentedEvent = z.input<typeof eventSchema>;

/** Part of a list of audit entries or events, or null if the requests budget is used up. */
export type Newest<Item> = { data: readonly Item[]; nextCursor: string | null } | null;

/** Who did something, in words. `base` is the path of the agents' pages. */
function ActorName({ base, actor }: { base: string; actor: PresentedEntry['actor'] }): VNode {
  if (actor.kind === 'AGENT') return <a href={`${base}/view?agent=${actor.agentId}`}>An agent</a>;
  return <bdi>{actorText(actor)}</bdi>;
}

function NotRead({ what }: { what: string }): VNode {
  return (
    <Empty title={`The ${what} cannot be shown right now`}>
      <p>Your requests budget is used up. Stopping and suspending agents works nevertheless.</p>
    </Empty>
  );
}

/** The last changes of an agent, from the audit log. */
export function AgentChanges({ base, entries }: { base: string; entries: Newest<PresentedEntry> }): VNode {
  return (
    <Panel title="Last changes" flush>
      {entries === null ? (
        <NotRead what="changes" />
      ) : entries.data.length === 0 ? (
        <Empty title="No changes">
          <p>Each change of this agent appears here, with who made it and why.</p>
        </Empty>
      ) : (
        <DataTable
          caption="Last changes"
          columns={[{ text: 'Change' }, { text: 'By' }, { text: 'When' }, { text: 'Reason' }]}
          rows={entries.data.map(({ auditId, action, actor, at, reason }) => ({
            key: auditId,
            cells: [
              actionText(action),
              <ActorName base={base} actor={actor} />,
              <RelativeTime at={new Date(at)} />,
              reason === null ? 'None' : <bdi>{reason}</bdi>,
            ],
          }))}
        />
      )}
    </Panel>
  );
}

/** The events that an agent submitted last. */
export function AgentEvents({ events }: { events: Newest<PresentedEvent> }): VNode {
  return (
    <Panel title="Events that it submitted last" flush>
      {events === null ? (
        <NotRead what="events" />
      ) : events.data.length === 0 ? (
        <Empty title="No events">
          <p>Events that this agent submits with its own key appear here.</p>
        </Empty>
      ) : (
        <DataTable
          caption="Events that it submitted last"
          columns={[{ text: 'Event type' }, { text: 'Received' }, { text: 'Event ID' }]}
          rows={events.data.map(({ eventId, eventType, receivedAt }) => ({
            key: eventId,
            cells: [<code>{eventType}</code>, <RelativeTime at={new Date(receivedAt)} />, <code>{eventId}</code>],
          }))}
        />
      )}
    </Panel>
  );
}
