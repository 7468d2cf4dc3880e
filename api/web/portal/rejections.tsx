import type { VNode } from 'preact';
import type { z } from 'zod';
import { listRejectedEventsRoute, type rejectedEventSchema } from '../../events/list-rejected-events';
import { DataTable, Empty, NextPage, Panel, RelativeTime } from '../design/app-parts';
import { type Member, memberPage } from './member-page';
import { PortalLayout } from './portal-layout';

const PATH = '/rejections';

interface Rejections {
  data: readonly z.infer<typeof rejectedEventSchema>[];
  nextCursor: string | null;
  /** Problems that MIR did not record. */
  omitted: number;
}

function RejectionList({ member, page: { data, nextCursor, omitted } }: { member: Member; page: Rejections }): VNode {
  return (
    <PortalLayout
      member={member}
      title="Rejections"
      path={PATH}
      lead="Events that MIR did not accept, newest first, with the request to look for in your logs."
    >
      <Panel flush>
        {data.length === 0 ? (
          <Empty title="No rejected events">
            <p>If MIR rejects one of your events, the reason appears here within a few seconds.</p>
          </Empty>
        ) : (
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
            rows={data.map(({ rejectedAt, requestId, index, code, path, eventType }) => ({
              key: `${requestId} ${index} ${path} ${code}`,
              cells: [
                <a href={`/errors/${code}`}>{code}</a>,
                path === '' ? 'Whole event' : <code>{path}</code>,
                eventType === null ? 'Unknown' : <code>{eventType}</code>,
                <RelativeTime at={new Date(rejectedAt)} />,
                <code>{requestId}</code>,
                String(index),
              ],
            }))}
          />
        )}
        <NextPage href={member.base + PATH} cursor={nextCursor} />
      </Panel>
      {omitted > 0 && (
        <p class="quiet">
          {omitted.toLocaleString('en-GB')} further problems were not recorded, because there were too many at once.
        </p>
      )}
    </PortalLayout>
  );
}

export const rejectionsPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'events:read',
  handle: async ({ member, call, query }) => {
    const cursor = query['cursor'];
    const page = await call<Rejections>(listRejectedEventsRoute, { query: { ...(cursor && { cursor }) } });
    return { html: <RejectionList member={member} page={page} /> };
  },
});
