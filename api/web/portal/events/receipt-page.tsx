import type { VNode } from 'preact';
import { REJECTED_EVENTS_RETENTION_DAYS } from '../../../../shared/domain/rejected-event';
import { MirError } from '../../../../shared/errors';
import { getReceiptRoute } from '../../../events/get-receipt';
import { listEventsRoute } from '../../../events/list-events';
import { listRejectedEventsRoute } from '../../../events/list-rejected-events';
import { countOf, countText } from '../../design/count-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime } from '../../design/app-parts';
import { Facts, Notice } from '../../design/text';
import { RECEIPT_CODES } from '../../guide/field-codes';
import { type Events, EventTable, type Rejections, RejectionTable } from './event-parts';
import { hrefOf } from '../href';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { countsOf, OUTCOMES, OutcomeState, type PresentedReceipt, RECEIPT_STATES, ReceiptState } from './outcomes';
import { PortalLayout } from '../portal-layout';
import { FindReceipt } from './receipts';

const PATH = '/receipts';
const EVENTS_SHOWN = '20';
const REJECTIONS_SHOWN = '20';
/** Receipts of large batches have more items. The page shows the first of them. */
const MAX_ITEMS_SHOWN = 200;

type Item = NonNullable<PresentedReceipt['items']>[number];

/** What a receipt leads to: its stored events, and what was rejected at the same moment. */
interface Related {
  events: Events;
  rejections: Rejections;
}

function whatToDo({ outcome, code, firstReceivedAt }: Item): VNode | string {
  if (outcome === 'CONFLICT' && firstReceivedAt !== undefined) {
    return (
      <>
        MIR received the first event <RelativeTime at={new Date(firstReceivedAt)} />. {OUTCOMES.CONFLICT.todo}
      </>
    );
  }
  const remedy = RECEIPT_CODES[code ?? ''];
  if (remedy === undefined) return OUTCOMES[outcome].todo;
  return (
    <>
      <a href={`/guide#${code}`}>{code}</a>: {remedy}
    </>
  );
}

function Items({ base, items }: { base: string; items: readonly Item[] }): VNode {
  const shown = items.slice(0, MAX_ITEMS_SHOWN);
  return (
    <Panel title="Events that were not newly stored" flush>
      <DataTable
        caption="Events that were not newly stored"
        columns={[{ text: 'Position' }, { text: 'Outcome' }, { text: 'Stored event' }, { text: 'What to do' }]}
        rows={shown.map((item) => {
          const { index, eventId, outcome } = item;
          const isStored = outcome === 'DUPLICATE' || outcome === 'CONFLICT';
          return {
            key: String(index),
            cells: [
              countText(index),
              <OutcomeState outcome={outcome} />,
              isStored ? <a href={hrefOf(`${base}/events/view`, { event: eventId })}>Open</a> : 'None',
              whatToDo(item),
            ],
          };
        })}
      />
      {items.length > shown.length && (
        <p class="next-page">
          The first {countText(shown.length)} of {countText(items.length)}. The API returns all of them.
        </p>
      )}
    </Panel>
  );
}

function ReceiptView({
  member,
  receipt,
  related: { events, rejections },
}: {
  member: Member;
  receipt: PresentedReceipt;
  related: Related;
}): VNode {
  const { base } = member;
  const { receiptId, status, accepted, receivedAt, settledAt, items = [] } = receipt;
  const { meaning, todo } = RECEIPT_STATES[status];
  const counts = countsOf(receipt);
  return (
    <PortalLayout member={member} title="Receipt" path={PATH} lead={meaning}>
      <Panel>
        <Facts
          facts={[
            ['State', <ReceiptState status={status} />],
            ['What to do', todo],
            ['Accepted', countOf(accepted, 'event')],
            ['Received', <RelativeTime at={new Date(receivedAt)} />],
            ['Final', settledAt === null ? 'Not yet' : <RelativeTime at={new Date(settledAt)} />],
            ['Receipt ID', <code>{receiptId}</code>],
          ]}
        />
      </Panel>
      {counts.length > 0 && (
        <Panel title="Outcomes" flush>
          <DataTable
            caption="Outcomes"
            columns={[
              { text: 'Outcome' },
              { text: 'Events', numeric: true },
              { text: 'What it means' },
              { text: 'What to do' },
            ]}
            rows={counts.map(({ outcome, count }) => ({
              key: outcome,
              cells: [
                <OutcomeState outcome={outcome} />,
                countText(count),
                OUTCOMES[outcome].meaning,
                OUTCOMES[outcome].todo,
              ],
            }))}
          />
        </Panel>
      )}
      {items.length > 0 && <Items base={base} items={items} />}
      <Panel title="Stored events" flush>
        {events.data.length === 0 ? (
          <Empty title="None">
            <p>
              {status === 'QUEUED'
                ? 'The events appear here once a worker has stored them.'
                : 'This submission has added no event, or its events were erased.'}
            </p>
          </Empty>
        ) : (
          <EventTable base={base} caption="Stored events" events={events.data} />
        )}
        <NextPage href={hrefOf(`${base}${PATH}/view`, { receipt: receiptId })} cursor={events.nextCursor} />
      </Panel>
      {rejections.data.length > 0 && (
        <Panel
          title="Rejected at the same moment"
          flush
          action={
            rejections.nextCursor !== null && (
              <a href={hrefOf(`${base}/rejections`, momentOf(receivedAt))}>All of them</a>
            )
          }
        >
          <RejectionTable base={base} rejections={rejections.data} />
        </Panel>
      )}
      <p class="quiet">
        Events that MIR rejects have no receipt. Those of the last {REJECTED_EVENTS_RETENTION_DAYS} days are listed
        under <a href={`${base}/rejections`}>Rejections</a>.
      </p>
    </PortalLayout>
  );
}

/** The range that contains only what arrived in the same millisecond: the rest of the same batch, as a rule. */
export function momentOf(at: string): { from: string; to: string } {
  return { from: at, to: new Date(Date.parse(at) + 1).toISOString() };
}

async function relatedOf({ call }: MemberCall, { receiptId, receivedAt }: PresentedReceipt, cursor?: string) {
  const [events, rejections] = await Promise.all([
    call<Events>(listEventsRoute, { query: { receiptId, limit: EVENTS_SHOWN, ...(cursor && { cursor }) } }),
    call<Rejections>(listRejectedEventsRoute, { query: { ...momentOf(receivedAt), limit: REJECTIONS_SHOWN } }),
  ]);
  return { events, rejections };
}

function NoReceipt({ member }: { member: Member }): VNode {
  return (
    <PortalLayout member={member} title="No such receipt" path={PATH}>
      <Notice kind="warn" title="This environment has no receipt with that ID">
        <p>
          Check that the ID is complete and belongs to this environment: IDs of live receipts begin with{' '}
          <code>rcpt_live_</code>. Receipts are kept for 30 days.
        </p>
      </Notice>
      <FindReceipt member={member} />
    </PortalLayout>
  );
}

export const receiptPage = memberPage({
  method: 'GET',
  path: `${PATH}/view`,
  scope: 'events:read',
  handle: async (page) => {
    const { member, call, query } = page;
    const params = { receiptId: (query['receipt'] ?? '').trim() };
    try {
      const receipt = await call<PresentedReceipt>(getReceiptRoute, { params });
      const related = await relatedOf(page, receipt, query['cursor']);
      return { html: <ReceiptView member={member} receipt={receipt} related={related} /> };
    } catch (error) {
      if (!(error instanceof MirError) || !['NOT_FOUND', 'VALIDATION_FAILED'].includes(error.code)) throw error;
      return { status: 404, html: <NoReceipt member={member} /> };
    }
  },
});
