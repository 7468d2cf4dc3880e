import type { VNode } from 'preact';
import type { z } from 'zod';
import { HOUR_MS } from '../../../shared/domain/usage';
import { getUsageRoute, type usageSchema } from '../../usage/get-usage';
import { countText } from '../design/count-text';
import { DataTable, Empty, Panel, Tiles } from '../design/app-parts';
import { BarChart } from '../design/bar-chart';
import { Select } from '../design/controls';
import { Button, ButtonLink, SearchForm } from '../design/form';
import { type SortableColumn, sortTable } from '../design/sort-table';
import { csvLine } from '../http/csv';
import type { Fields } from '../http/page';
import { dayLabel, usageBars } from '../usage/usage-bars';
import { hrefOf } from './href';
import { type Member, type MemberCall, memberPage } from './member-page';
import { PortalLayout } from './portal-layout';

const PATH = '/usage';
const DAY_MS = 24 * HOUR_MS;
/** Number of months to choose from. MIR keeps usage for 13 months, so the oldest one may be incomplete. */
const MONTHS = 13;
const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/;

type Usage = z.infer<typeof usageSchema>;
type Day = Usage['data'][number];

const monthText = (month: string): string =>
  new Date(`${month}-01T00:00:00Z`).toLocaleDateString('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });

/** Returns the latest months, newest first, such as `2026-11`. */
function latestMonths(now: Date): string[] {
  return Array.from({ length: MONTHS }, (_, n) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - n)).toISOString().slice(0, 7),
  );
}

interface Period {
  /** A month, or '' for the last 30 days. */
  month: string;
  /** The range of a month. Empty for the API's default, the last 30 days. */
  range: { from?: string; to?: string };
}

function periodOf(asked: string | undefined, now: Date): Period {
  if (asked === undefined || !MONTH.test(asked) || !latestMonths(now).includes(asked)) return { month: '', range: {} };
  const from = new Date(`${asked}-01T00:00:00Z`);
  const end = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1));
  return { month: asked, range: { from: from.toISOString(), ...(end < now && { to: end.toISOString() }) } };
}

const EVENT_COLUMNS = [
  ['stored', 'Stored', 'persisted'],
  ['repeated', 'Repeated', 'duplicates'],
  ['conflicts', 'Conflicts', 'conflicts'],
  ['failed', 'Failed', 'failed'],
  ['erased', 'Erased', 'erased'],
  ['rejected', 'Rejected', 'rejected'],
] as const;

const requestsOf = ({ requests }: Pick<Day, 'requests'>): number => requests.reduce((sum, { total }) => sum + total, 0);

const COLUMNS: readonly SortableColumn<Day>[] = [
  { text: 'Day', name: 'day', by: ({ from }) => from },
  ...EVENT_COLUMNS.map(([name, text, field]): SortableColumn<Day> => ({
    text,
    numeric: true,
    name,
    by: ({ events }) => events[field],
  })),
  { text: 'Requests', numeric: true, name: 'requests', by: requestsOf },
];

function Requests({ total }: Pick<Usage, 'total'>): VNode {
  return (
    <>
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
              cells: [group, ...[all, byStatusClass['2xx'], byStatusClass['4xx'], byStatusClass['5xx']].map(countText)],
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
              key: `${code} ${status}`,
              cells: [<a href={`/errors/${code}`}>{code}</a>, String(status), countText(requests)],
            }))}
          />
        </Panel>
      )}
    </>
  );
}

function ChoosePeriod({ href, month, months }: { href: string; month: string; months: readonly string[] }): VNode {
  const options = [
    { value: '', text: 'The last 30 days' },
    ...months.map((one) => ({ value: one, text: monthText(one) })),
  ];
  return (
    <Panel>
      <SearchForm action={href}>
        <Select name="month" label="Period" hint="Days and months are those of UTC." value={month} options={options} />
        <Button kind="plain">Show</Button>
      </SearchForm>
    </Panel>
  );
}

interface UsageProps {
  member: Member;
  usage: Usage;
  period: Period;
  months: readonly string[];
  query: Fields;
}

function UsageView({ member, usage, period: { month }, months, query }: UsageProps): VNode {
  const { data, total } = usage;
  const { events } = total;
  const href = member.base + PATH;
  const initial = { name: 'day', order: 'desc' } as const;
  const { items, columns } = sortTable(data, COLUMNS, { query, href: hrefOf(href, { month }), initial });
  const name = month === '' ? 'The last 30 days' : monthText(month);
  return (
    <PortalLayout
      member={member}
      title="Usage"
      path={PATH}
      lead={`${name}. Hours are complete once all of their events have an outcome.`}
      action={
        <ButtonLink href={hrefOf(`${href}/export`, { month, bucket: 'day' })} plain>
          Download as CSV
        </ButtonLink>
      }
    >
      <ChoosePeriod href={href} month={month} months={months} />
      <Tiles
        label={name}
        tiles={[
          { label: 'Events stored', figure: countText(events.persisted), note: 'Count in histories' },
          { label: 'Repeated events', figure: countText(events.duplicates), note: 'Counted once' },
          {
            label: 'Events rejected',
            figure: countText(events.rejected),
            note: <a href={`${member.base}/rejections`}>See why</a>,
          },
          { label: 'Requests', figure: countText(requestsOf(total)), note: 'With a valid key' },
        ]}
      />
      <Panel
        title="Events stored by day"
        flush
        action={<a href={hrefOf(`${href}/export`, { month, bucket: 'hour' })}>By hour, as CSV</a>}
      >
        {data.length === 0 ? (
          <Empty title="No usage in this period">
            <p>Days on which you send events or requests appear here.</p>
          </Empty>
        ) : (
          <>
            <BarChart
              bars={usageBars(usage, DAY_MS, dayLabel)}
              last={month === '' || month === months[0] ? 'today' : ''}
            />
            <DataTable
              caption="Events by day"
              columns={columns}
              rows={items.map((day) => ({
                key: day.from,
                cells: [
                  day.from.slice(0, 10),
                  ...EVENT_COLUMNS.map(([, , field]) => countText(day.events[field])),
                  countText(requestsOf(day)),
                ],
              }))}
            />
          </>
        )}
      </Panel>
      <Requests total={total} />
    </PortalLayout>
  );
}

const readUsage = ({ call }: MemberCall, { range }: Period, bucket: 'day' | 'hour'): Promise<Usage> =>
  call<Usage>(getUsageRoute, { query: { bucket, ...range } });

export const usagePage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'usage:read',
  handle: async (page) => {
    const { member, query } = page;
    const now = new Date();
    const period = periodOf(query['month'], now);
    const usage = await readUsage(page, period, 'day');
    const props = { member, usage, period, months: latestMonths(now), query };
    return { html: <UsageView {...props} /> };
  },
});

async function* csvOf({ data, total }: Usage): AsyncGenerator<string> {
  const groups = total.requests.map(({ group }) => group);
  const names = EVENT_COLUMNS.map(([name]) => `events_${name}`);
  yield csvLine(['from', ...names, 'requests', ...groups.map((group) => `requests_${group}`)]);
  for (const bucket of data) {
    const totals = new Map(bucket.requests.map(({ group, total: count }) => [group, count]));
    yield csvLine([
      bucket.from,
      ...EVENT_COLUMNS.map(([, , field]) => bucket.events[field]),
      requestsOf(bucket),
      ...groups.map((group) => totals.get(group) ?? 0),
    ]);
  }
}

/** The hours or days of a period as a CSV file. Those without any usage are left out. */
export const exportUsage = memberPage({
  method: 'GET',
  path: `${PATH}/export`,
  scope: 'usage:read',
  handle: async (page) => {
    const { member, query } = page;
    const now = new Date();
    const period = periodOf(query['month'], now);
    const bucket = query['bucket'] === 'hour' ? 'hour' : 'day';
    // The API's default range of hours is one day.
    const { range } = period;
    const from = range.from ?? new Date(now.getTime() - 30 * DAY_MS).toISOString();
    const usage = await readUsage(page, { ...period, range: { ...range, from } }, bucket);
    const name = period.month === '' ? `until-${now.toISOString().slice(0, 10)}` : period.month;
    return {
      download: csvOf(usage),
      filename: `mir-usage-${member.env}-${name}-by-${bucket}.csv`,
      mediaType: 'text/csv; charset=utf-8',
    };
  },
});
