import type { VNode } from 'preact';
import { REJECTED_EVENTS_RETENTION_DAYS } from '../../../../shared/domain/rejected-event';
import { listAuditRoute } from '../../../audit/list-audit';
import { listReceiptsRoute } from '../../../events/list-receipts';
import { listRejectedEventsRoute } from '../../../events/list-rejected-events';
import { Empty, NextPage, Panel } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Button, type FormError, SearchForm } from '../../design/form';
import { Marks } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import { type AuditEntries, ChangeTable } from '../audit/audit-parts';
import { type Rejections, RejectionTable } from './event-parts';
import { hrefOf } from '../href';
import { type Member, type MemberCall, memberPage } from '../member-page';
import type { ListedReceipt } from './outcomes';
import { PortalLayout } from '../portal-layout';
import { momentOf } from './receipt-page';
import { ReceiptTable } from './receipts';

const PATH = '/requests';
const MAX_ID_LENGTH = 128;
const REJECTIONS_SHOWN = '20';
const RECEIPTS_SHOWN = '10';
const CHANGES_SHOWN = '20';

/** What MIR recorded about a request. */
interface Found {
  rejections: Rejections;
  receipts: readonly ListedReceipt[];
  changes: AuditEntries;
}

function FindRequest({
  member,
  request,
  errors = [],
}: {
  member: Member;
  request: string;
  errors?: readonly FormError[];
}): VNode {
  return (
    <Panel>
      <SearchForm action={member.base + PATH}>
        <Field
          name="request"
          label="Request ID"
          hint="Every response has it in the header X-Request-Id. If your request sends that header, MIR uses its value."
          autocomplete="off"
          maxLength={MAX_ID_LENGTH}
          value={request}
          errors={errors}
        />
        <Button>Find</Button>
      </SearchForm>
    </Panel>
  );
}

/** Why nothing is recorded under a request ID. */
function Reasons({ base }: { base: string }): VNode {
  return (
    <Panel title="Why a request may not be found">
      <Marks
        no
        items={[
          <>
            MIR accepted all of its events. The response names the receipt: open it under{' '}
            <a href={`${base}/receipts`}>Receipts</a>.
          </>,
          'It only read something. Reads are counted, but not recorded.',
          <>
            MIR rejected it as a whole, for example because of its key, a rate limit or malformed JSON.{' '}
            <a href={`${base}/usage`}>Usage</a> counts such requests by their code.
          </>,
          `Its events were rejected more than ${REJECTED_EVENTS_RETENTION_DAYS} days ago, or within the last few seconds.`,
          'It was sent to the other environment, or with the key of another organization.',
          'Too many events were rejected at once, and MIR recorded only some of them.',
        ]}
      />
    </Panel>
  );
}

function FoundParts({
  member: { base },
  request,
  found: { rejections, receipts, changes },
}: {
  member: Member;
  request: string;
  found: Found;
}): VNode {
  const isFound = rejections.data.length + changes.data.length > 0;
  return (
    <>
      {!isFound && (
        <Panel flush>
          <Empty title="Nothing is recorded under this ID">
            <p>
              {changes.nextCursor === null
                ? 'Neither a rejected event nor a change names this request.'
                : 'No rejected event and none of your latest changes name this request.'}
            </p>
          </Empty>
          <NextPage href={hrefOf(base + PATH, { request })} cursor={changes.nextCursor} />
        </Panel>
      )}
      {rejections.data.length > 0 && (
        <Panel
          title="Rejected events"
          flush
          action={rejections.nextCursor !== null && <a href={hrefOf(`${base}/rejections`, { request })}>All of them</a>}
        >
          <RejectionTable base={base} rejections={rejections.data} />
        </Panel>
      )}
      {receipts.length > 0 && (
        <Panel title="Accepted at the same moment" flush>
          <ReceiptTable base={base} receipts={receipts} />
        </Panel>
      )}
      {changes.data.length > 0 && (
        <Panel title="Changes" flush>
          <ChangeTable entries={changes.data} />
          <NextPage href={hrefOf(base + PATH, { request })} cursor={changes.nextCursor} />
        </Panel>
      )}
      {!isFound && <Reasons base={base} />}
    </>
  );
}

function Requests({
  member,
  request = '',
  found,
  errors = [],
}: {
  member: Member;
  request?: string;
  found?: Found;
  errors?: readonly FormError[];
}): VNode {
  return (
    <PortalLayout
      member={member}
      title="Requests"
      errors={errors}
      path={PATH}
      lead="What a request of your code did: rejected events, and changes in the audit log."
    >
      <FindRequest member={member} request={request} errors={errors} />
      {found ? <FoundParts member={member} request={request} found={found} /> : <Reasons base={member.base} />}
    </PortalLayout>
  );
}

async function find({ call, query }: MemberCall, requestId: string): Promise<Found> {
  const { cursor } = query;
  const [rejections, changes] = await Promise.all([
    call<Rejections>(listRejectedEventsRoute, { query: { requestId, limit: REJECTIONS_SHOWN } }),
    call<AuditEntries>(listAuditRoute, { query: { requestId, limit: CHANGES_SHOWN, ...(cursor && { cursor }) } }),
  ]);
  const first = rejections.data[0];
  if (!first) return { rejections, changes, receipts: [] };
  // Receipts do not name their request, but the accepted events of a batch arrive with the rejected ones.
  const receipts = await call<{ data: ListedReceipt[] }>(listReceiptsRoute, {
    query: { ...momentOf(first.rejectedAt), limit: RECEIPTS_SHOWN },
  });
  return { rejections, changes, receipts: receipts.data };
}

export const requestsPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'events:read',
  handle: async (page) => {
    const { member, query } = page;
    const request = (query['request'] ?? '').trim();
    if (request === '') return { html: <Requests member={member} /> };
    try {
      return { html: <Requests member={member} request={request} found={await find(page, request)} /> };
    } catch (error) {
      const errors = errorsOf(
        error,
        { cursor: 'Start again with the first page.' },
        {
          nameOf: ({ path }) => (path === 'requestId' ? 'request' : path),
        },
      );
      return { status: 422, html: <Requests member={member} request={request} errors={errors} /> };
    }
  },
});
