import type { VNode } from 'preact';
import type { z } from 'zod';
import { getUsageRoute, type usageSchema } from '../../usage/get-usage';
import { DataTable, Empty, Panel } from '../design/app-parts';
import { type Member, memberPage } from './member-page';
import { PortalLayout } from './portal-layout';

const PATH = '/usage';

type Usage = z.infer<typeof usageSchema>;

const numberText = (value: number): string => value.toLocaleString('en-GB');

function UsageTables({ member, usage: { data, total } }: { member: Member; usage: Usage }): VNode {
  const days = [...data].reverse();
  return (
    <PortalLayout member={member} title="Usage" path={PATH} lead="The last 30 days. Days are those of UTC.">
      <Panel title="Events by day" flush>
        {days.length === 0 ? (
          <Empty title="No usage yet">
            <p>Days on which you send events or requests appear here.</p>
          </Empty>
        ) : (
          <DataTable
            caption="Events by day"
            columns={[
              { text: 'Day' },
              { text: 'Stored', numeric: true },
              { text: 'Repeated', numeric: true },
              { text: 'Conflicts', numeric: true },
              { text: 'Failed', numeric: true },
              { text: 'Erased', numeric: true },
              { text: 'Rejected', numeric: true },
            ]}
            rows={days.map(({ from, events }) => ({
              key: from,
              cells: [
                from.slice(0, 10),
                ...[
                  events.persisted,
                  events.duplicates,
                  events.conflicts,
                  events.failed,
                  events.erased,
                  events.rejected,
                ].map(numberText),
              ],
            }))}
          />
        )}
      </Panel>
      {total.requests.length > 0 && (
        <Panel title="Requests by group" flush>
          <DataTable
            caption="Requests by group"
            columns={[
              { text: 'Group' },
              { text: 'Total', numeric: true },
              { text: 'Succeeded', numeric: true },
              { text: 'Your errors (4xx)', numeric: true },
              { text: 'Our errors (5xx)', numeric: true },
            ]}
            rows={total.requests.map(({ group, total: all, byStatusClass }) => ({
              key: group,
              cells: [
                group,
                ...[all, byStatusClass['2xx'], byStatusClass['4xx'], byStatusClass['5xx']].map(numberText),
              ],
            }))}
          />
        </Panel>
      )}
      {total.rejections.length > 0 && (
        <Panel title="Errors by code" flush>
          <DataTable
            caption="Errors by code"
            columns={[{ text: 'Code' }, { text: 'Status', numeric: true }, { text: 'Requests', numeric: true }]}
            rows={total.rejections.map(({ code, status, requests }) => ({
              key: code,
              cells: [<a href={`/errors/${code}`}>{code}</a>, String(status), numberText(requests)],
            }))}
          />
        </Panel>
      )}
    </PortalLayout>
  );
}

export const usagePage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'usage:read',
  handle: async ({ member, call }) => {
    const usage = await call<Usage>(getUsageRoute, { query: { bucket: 'day' } });
    return { html: <UsageTables member={member} usage={usage} /> };
  },
});
