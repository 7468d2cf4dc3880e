import type { VNode } from 'preact';
import { type ListedEndpoint, pageOfEndpoints } from '../../../webhooks/list-endpoints';
import { countText } from '../../design/count-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime, Segments, Tiles } from '../../design/app-parts';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { endpointPath, EndpointState, LastFailure, LONG_FAILING_MS, waitingText, WEBHOOKS } from './endpoint-parts';
import { Owner } from '../erasures/erasure-parts';

/** Number of endpoints on a page. The deliveries of each one are read separately. */
const PAGE_SIZE = 20;

const FILTERS = [
  ['FAILING', 'Failing'],
  ['DISABLED', 'Disabled'],
] as const;
type Filter = (typeof FILTERS)[number][0];

const hrefOf = (filter: Filter): string => `${WEBHOOKS}?state=${filter}`;

interface Counts {
  failing: number;
  failingLong: number;
  disabled: number;
}

function Figures({ counts: { failing, failingLong, disabled } }: { counts: Counts }): VNode {
  return (
    <Tiles
      label="Webhook endpoints of all partners"
      tiles={[
        { label: 'Failing', figure: countText(failing), note: 'The last attempt failed' },
        { label: 'Failing for 15 minutes', figure: countText(failingLong), note: 'Disabled after a day' },
        { label: 'Disabled', figure: countText(disabled), note: 'By MIR, or by the partner' },
      ]}
    />
  );
}

function EndpointTable({ filter, endpoints }: { filter: Filter; endpoints: readonly ListedEndpoint[] }): VNode {
  const isFailing = filter === 'FAILING';
  return (
    <DataTable
      caption={isFailing ? 'Endpoints that fail, longest first' : 'Disabled endpoints, newest first'}
      columns={[
        { text: 'Server' },
        ...(isFailing ? [] : [{ text: 'State' }]),
        { text: 'Since' },
        { text: 'Last failure' },
        { text: 'Messages waiting', numeric: true },
      ]}
      rows={endpoints.map((endpoint) => ({
        key: endpoint.webhookId,
        cells: [
          <div>
            <a href={endpointPath(endpoint)}>{endpoint.host}</a>
            <br />
            <span class="quiet small">
              <Owner owner={endpoint} />
            </span>
          </div>,
          ...(isFailing ? [] : [<EndpointState endpoint={endpoint} />]),
          <RelativeTime at={(isFailing ? endpoint.failingSince : endpoint.disabledAt)!} />,
          <LastFailure failure={endpoint.lastFailure} />,
          waitingText(endpoint.waiting),
        ],
      }))}
    />
  );
}

function Nothing({ filter }: { filter: Filter }): VNode {
  return (
    <Empty title={filter === 'FAILING' ? 'No webhook endpoint fails' : 'No webhook endpoint is disabled'}>
      <p>
        {filter === 'FAILING'
          ? 'Endpoints appear here when an attempt to deliver a message fails, until one succeeds.'
          : 'MIR disables an endpoint when every attempt failed for a day. Partners can disable their own.'}
      </p>
    </Empty>
  );
}

interface EndpointsProps {
  operator: ConsoleOperator;
  filter: Filter;
  counts: Counts;
  page: { data: readonly ListedEndpoint[]; nextCursor: string | null };
}

function Endpoints({ operator, filter, counts, page: { data, nextCursor } }: EndpointsProps): VNode {
  return (
    <ConsoleLayout
      title="Webhooks"
      current={WEBHOOKS}
      operator={operator}
      lead="Endpoints of partners that don’t accept messages of MIR."
      aside={<Segments label="State" options={FILTERS} chosen={filter} hrefOf={hrefOf} />}
    >
      <Figures counts={counts} />
      <Panel flush>
        {data.length === 0 ? <Nothing filter={filter} /> : <EndpointTable filter={filter} endpoints={data} />}
        <NextPage href={hrefOf(filter)} cursor={nextCursor} />
      </Panel>
    </ConsoleLayout>
  );
}

/** Webhook endpoints of all partners that fail, longest first, or that are disabled. */
export const endpointsPage = consolePage({
  method: 'GET',
  path: '/webhooks',
  right: 'partners:read',
  handle: async ({ ctx, operator, query: { state, cursor } }) => {
    const filter = state === 'DISABLED' ? 'DISABLED' : 'FAILING';
    const { webhooks } = ctx.store;
    const now = Date.now();
    const [page, failing, failingLong, disabled] = await Promise.all([
      pageOfEndpoints(ctx, { state: filter, limit: PAGE_SIZE, cursor }),
      webhooks.countFailing(new Date(now)),
      webhooks.countFailing(new Date(now - LONG_FAILING_MS)),
      webhooks.countDisabled(),
    ]);
    return { html: <Endpoints {...{ operator, filter, page }} counts={{ failing, failingLong, disabled }} /> };
  },
});
