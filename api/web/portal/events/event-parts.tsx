import type { VNode } from 'preact';
import type { z } from 'zod';
import type { rejectedEventSchema } from '../../../events/list-rejected-events';
import type { eventSchema } from '../../../events/present-event';
import { DataTable, RelativeTime } from '../../design/app-parts';
import { hrefOf } from '../href';

export type PresentedEvent = z.infer<typeof eventSchema>;
type PresentedRejection = z.infer<typeof rejectedEventSchema>;

/** A page of rejected events. */
export interface Rejections {
  data: readonly PresentedRejection[];
  nextCursor: string | null;
  /** Problems that MIR did not record. */
  omitted: number;
}

/** A page of stored events. */
export interface Events {
  data: readonly PresentedEvent[];
  nextCursor: string | null;
}

/** A table of stored events, each with a link to its page. */
export function EventTable({
  base,
  caption,
  events,
}: {
  base: string;
  caption: string;
  events: Events['data'];
}): VNode {
  return (
    <DataTable
      caption={caption}
      columns={[{ text: 'Event type' }, { text: 'Happened' }, { text: 'Received' }, { text: 'Submitted by' }]}
      rows={events.map(({ eventId, eventType, occurredAt, receivedAt, agentId }) => ({
        key: eventId,
        cells: [
          <a href={hrefOf(`${base}/events/view`, { event: eventId })}>
            <code>{eventType}</code>
          </a>,
          <RelativeTime at={new Date(occurredAt)} />,
          <RelativeTime at={new Date(receivedAt)} />,
          agentId === null ? 'Your own key' : <a href={hrefOf(`${base}/agents/view`, { agent: agentId })}>An agent</a>,
        ],
      }))}
    />
  );
}

/** A table of problems for which events were rejected, with links to the codes and requests. */
export function RejectionTable({ base, rejections }: { base: string; rejections: Rejections['data'] }): VNode {
  return (
    <DataTable
      caption="Rejected events"
      columns={[
        { text: 'Reason' },
        { text: 'Field' },
        { text: 'Event type' },
        { text: 'Rejected' },
        { text: 'Request ID' },
        { text: 'Position', numeric: true },
      ]}
      rows={rejections.map(({ rejectedAt, requestId, index, code, path, eventType }) => ({
        key: `${requestId} ${index} ${path} ${code}`,
        cells: [
          <a href={`/guide#${code}`}>{code}</a>,
          path === '' ? 'Whole event' : <code>{path}</code>,
          eventType === null ? 'Unknown' : <code>{eventType}</code>,
          <RelativeTime at={new Date(rejectedAt)} />,
          <a href={hrefOf(`${base}/requests`, { request: requestId })}>
            <code>{requestId}</code>
          </a>,
          String(index),
        ],
      }))}
    />
  );
}
