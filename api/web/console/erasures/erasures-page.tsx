import type { VNode } from 'preact';
import {
  countErasures,
  type ErasureCounts,
  type ListedErasure,
  LONG_ERASURE_MS,
  MAX_COUNT,
  pageOfErasures,
} from '../../../users/list-erasures';
import { boundedCountText, countText } from '../../design/count-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime, Segments, Tiles } from '../../design/app-parts';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { ERASURES, erasurePath, ErasureState, lengthText, Owner, STAGE_WORDS } from './erasure-parts';

/** Number of erasures on a page. What each one waits for is read separately. */
const PAGE_SIZE = 25;
const MINUTE_MS = 60_000;

const FILTERS = [
  ['RUNNING', 'Running'],
  ['DONE', 'Done'],
] as const;
type Filter = (typeof FILTERS)[number][0];

const hrefOf = (filter: Filter): string => `${ERASURES}?state=${filter}`;

function Counts({ counts: { running, late, done } }: { counts: ErasureCounts }): VNode {
  const minutes = LONG_ERASURE_MS / MINUTE_MS;
  return (
    <Tiles
      label="Erasures of all partners"
      tiles={[
        { label: 'Running', figure: boundedCountText(running, MAX_COUNT), note: 'Usually a few seconds each' },
        {
          label: 'Late',
          figure: boundedCountText(late, MAX_COUNT),
          note: late === 0 ? `None runs longer than ${minutes} minutes` : `Running for more than ${minutes} minutes`,
        },
        { label: 'Done', figure: boundedCountText(done, MAX_COUNT), note: 'In the last 30 days' },
      ]}
    />
  );
}

function RunningTable({ erasures }: { erasures: readonly ListedErasure[] }): VNode {
  return (
    <DataTable
      caption="Running erasures, oldest first"
      columns={[
        { text: 'Partner' },
        { text: 'State' },
        { text: 'Running for' },
        { text: 'Waits for' },
        { text: 'Events deleted', numeric: true },
      ]}
      rows={erasures.map((erasure) => ({
        key: erasure.receiptId,
        cells: [
          <a href={erasurePath(erasure.receiptId)}>
            <Owner owner={erasure} />
          </a>,
          <ErasureState erasure={erasure} />,
          <time dateTime={erasure.erasedAt} title={erasure.erasedAt}>
            {lengthText(Date.now() - Date.parse(erasure.erasedAt))}
          </time>,
          STAGE_WORDS[erasure.progress.stage],
          countText(erasure.eventsErased),
        ],
      }))}
    />
  );
}

function DoneTable({ erasures }: { erasures: readonly ListedErasure[] }): VNode {
  return (
    <DataTable
      caption="Finished erasures, newest first"
      columns={[
        { text: 'Partner' },
        { text: 'Requested' },
        { text: 'Took' },
        { text: 'Events deleted', numeric: true },
      ]}
      rows={erasures.map((erasure) => ({
        key: erasure.receiptId,
        cells: [
          <a href={erasurePath(erasure.receiptId)}>
            <Owner owner={erasure} />
          </a>,
          <RelativeTime at={new Date(erasure.erasedAt)} />,
          erasure.settledAt === null ? '' : lengthText(Date.parse(erasure.settledAt) - Date.parse(erasure.erasedAt)),
          countText(erasure.eventsErased),
        ],
      }))}
    />
  );
}

function Nothing({ filter }: { filter: Filter }): VNode {
  return (
    <Empty title={filter === 'RUNNING' ? 'No erasure is running' : 'No erasure in the last 30 days'}>
      <p>
        Partners erase a user through the API or in the portal. For them, use <code>mir users erase</code>; the{' '}
        <a href="/runbook#a-person-asks-for-erasure">runbook</a> says how.
      </p>
    </Empty>
  );
}

interface ErasuresProps {
  operator: ConsoleOperator;
  filter: Filter;
  counts: ErasureCounts;
  page: { data: readonly ListedErasure[]; nextCursor: string | null };
}

function Erasures({ operator, filter, counts, page: { data, nextCursor } }: ErasuresProps): VNode {
  const Table = filter === 'RUNNING' ? RunningTable : DoneTable;
  return (
    <ConsoleLayout
      title="Erasures"
      current={ERASURES}
      operator={operator}
      lead="Users whose events MIR deletes at the request of a partner. No page names the user."
      aside={<Segments label="State" options={FILTERS} chosen={filter} hrefOf={hrefOf} />}
    >
      <Counts counts={counts} />
      <Panel flush>
        {data.length === 0 ? <Nothing filter={filter} /> : <Table erasures={data} />}
        <NextPage href={hrefOf(filter)} cursor={nextCursor} />
      </Panel>
    </ConsoleLayout>
  );
}

/** Erasures of all partners: those that run, oldest first, or those that are done. */
export const erasuresPage = consolePage({
  method: 'GET',
  path: '/erasures',
  right: 'partners:read',
  handle: async ({ ctx, operator, query: { state, cursor } }) => {
    const filter = state === 'DONE' ? 'DONE' : 'RUNNING';
    const [page, counts] = await Promise.all([
      pageOfErasures(ctx, { status: filter, limit: PAGE_SIZE, cursor }),
      countErasures(ctx, Date.now()),
    ]);
    return { html: <Erasures {...{ operator, filter, counts, page }} /> };
  },
});
