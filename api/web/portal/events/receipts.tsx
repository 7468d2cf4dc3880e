import type { VNode } from 'preact';
import { RECEIPT_RETENTION_DAYS } from '../../../../shared/domain/receipt';
import { listReceiptsRoute } from '../../../events/list-receipts';
import { countText } from '../../design/count-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Button, SearchForm } from '../../design/form';
import { hrefOf } from '../href';
import { type Member, memberPage } from '../member-page';
import { type ListedReceipt, ReceiptState } from './outcomes';
import { PortalLayout } from '../portal-layout';

const PATH = '/receipts';
const MAX_ID_LENGTH = 200;

interface Receipts {
  data: readonly ListedReceipt[];
  nextCursor: string | null;
}

/** A table of receipts, each with a link to its page. */
export function ReceiptTable({ base, receipts }: { base: string; receipts: readonly ListedReceipt[] }): VNode {
  return (
    <DataTable
      caption="Receipts"
      columns={[
        { text: 'Received' },
        { text: 'State' },
        { text: 'Accepted', numeric: true },
        { text: 'Stored', numeric: true },
        { text: 'Repeated', numeric: true },
        { text: 'Conflicts', numeric: true },
        { text: 'Failed', numeric: true },
      ]}
      rows={receipts.map(({ receiptId, status, receivedAt, accepted, persisted, duplicates, conflicts, failed }) => ({
        key: receiptId,
        cells: [
          <a href={hrefOf(`${base}${PATH}/view`, { receipt: receiptId })}>
            <RelativeTime at={new Date(receivedAt)} />
          </a>,
          <ReceiptState status={status} />,
          ...[accepted, persisted, duplicates, conflicts, failed].map(countText),
        ],
      }))}
    />
  );
}

/** Finds a receipt by its ID. */
export function FindReceipt({ member }: { member: Member }): VNode {
  return (
    <Panel title="Find a receipt">
      <SearchForm action={`${member.base}${PATH}/view`}>
        <Field
          name="receipt"
          label="Receipt ID"
          hint="Your code gets it in the response to each submission, and webhooks about failures name it."
          autocomplete="off"
          maxLength={MAX_ID_LENGTH}
        />
        <Button kind="plain">Open</Button>
      </SearchForm>
    </Panel>
  );
}

function ReceiptList({
  member,
  page: { data, nextCursor },
  onlyFailures,
}: {
  member: Member;
  page: Receipts;
  onlyFailures: boolean;
}): VNode {
  const href = member.base + PATH;
  const filtered = hrefOf(href, { status: 'failures' });
  return (
    <PortalLayout
      member={member}
      title="Receipts"
      path={PATH}
      lead={`What became of the events that you submitted in the last ${RECEIPT_RETENTION_DAYS} days.`}
    >
      <Panel
        title={onlyFailures ? 'With conflicts or failures' : 'Most recent first'}
        flush
        action={onlyFailures ? <a href={href}>Show all</a> : <a href={filtered}>Only with failures</a>}
      >
        {data.length === 0 ? (
          <Empty title={onlyFailures ? 'No receipts with failures on this page' : 'No receipts yet'}>
            <p>
              {onlyFailures
                ? 'Receipts of events that are in conflict or have failed appear here.'
                : 'A receipt appears here once MIR has processed the first events of a submission.'}
            </p>
          </Empty>
        ) : (
          <ReceiptTable base={member.base} receipts={data} />
        )}
        <NextPage href={onlyFailures ? filtered : href} cursor={nextCursor} />
      </Panel>
      <FindReceipt member={member} />
    </PortalLayout>
  );
}

export const receiptsPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'events:read',
  handle: async ({ member, call, query }) => {
    const { cursor } = query;
    const onlyFailures = query['status'] === 'failures';
    const page = await call<Receipts>(listReceiptsRoute, {
      query: { ...(onlyFailures && { status: 'DONE_WITH_FAILURES' }), ...(cursor && { cursor }) },
    });
    return { html: <ReceiptList member={member} page={page} onlyFailures={onlyFailures} /> };
  },
});
