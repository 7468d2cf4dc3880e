import type { VNode } from 'preact';
import { getEventRoute } from '../../../events/get-event';
import { Panel, RelativeTime } from '../../design/app-parts';
import { Facts } from '../../design/text';
import type { PresentedEvent } from './event-parts';
import { hrefOf } from '../href';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

function EventView({
  member,
  event: { eventId, eventType, occurredAt, receivedAt, weight, agentId, userRef, metadata },
  meaning,
}: {
  member: Member;
  event: PresentedEvent;
  meaning: string | undefined;
}): VNode {
  return (
    <PortalLayout member={member} title="Event" path="/receipts" lead={meaning}>
      <Panel>
        <Facts
          facts={[
            ['Type', <code>{eventType}</code>],
            ['Happened', <RelativeTime at={new Date(occurredAt)} />],
            ['Received', <RelativeTime at={new Date(receivedAt)} />],
            ['Weight', String(weight)],
            agentId === null
              ? ['Submitted by', 'Your own key']
              : ['Submitted by', <a href={hrefOf(`${member.base}/agents/view`, { agent: agentId })}>An agent</a>],
            ['User', <code>{userRef}</code>],
            ['Event ID', <code>{eventId}</code>],
          ]}
        />
        <p class="quiet">
          MIR knows the user only by this keyed hash of your ID. <a href={`${member.base}/users`}>Find a user</a> by
          your own ID.
        </p>
      </Panel>
      {metadata !== null && (
        <Panel title="Metadata">
          <pre tabIndex={0}>
            <code>{JSON.stringify(metadata, null, 2)}</code>
          </pre>
        </Panel>
      )}
    </PortalLayout>
  );
}

export const eventPage = memberPage({
  method: 'GET',
  path: '/events/view',
  scope: 'events:read',
  handle: async ({ ctx, member, call, query }) => {
    const event = await call<PresentedEvent>(getEventRoute, { params: { eventId: query['event'] ?? '' } });
    const entry = ctx.catalog.entries.find(({ eventType }) => eventType === event.eventType);
    return { html: <EventView member={member} event={event} meaning={entry?.meaning} /> };
  },
});
