import type { VNode } from 'preact';
import { listPartnersRoute } from '../../../partners/list-partners';
import type { PresentedPartner } from '../../../partners/present-partner';
import { countText } from '../../design/count-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime } from '../../design/app-parts';
import { ButtonLink } from '../../design/form';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { PartnerState, PLAN_NAMES } from './partner-parts';
import { PARTNERS, partnerPath } from '../paths';

const PAGE_SIZE = 25;

interface ListProps {
  operator: ConsoleOperator;
  partners: readonly PresentedPartner[];
  isFirstPage: boolean;
  nextCursor: string | null;
}

function Partners({ operator, partners, isFirstPage, nextCursor }: ListProps): VNode {
  return (
    <ConsoleLayout
      title="Partners"
      current={PARTNERS}
      operator={operator}
      lead="Newest first. To find one by its name or ID, use the search."
      aside={
        <ButtonLink href="/console/search" plain>
          Search
        </ButtonLink>
      }
    >
      <Panel flush>
        {partners.length === 0 ? (
          <Empty title={isFirstPage ? 'No partners yet' : 'No more partners'}>
            <p>
              Approve an <a href="/console/applications">application</a>, and its partner appears here.
            </p>
          </Empty>
        ) : (
          <DataTable
            caption="Partners"
            columns={[
              { text: 'Partner' },
              { text: 'Status' },
              { text: 'Plan' },
              { text: 'Events per minute', numeric: true },
              { text: 'Created' },
            ]}
            rows={partners.map(({ partnerId, name, suspended, plan, limits, createdAt }) => ({
              key: partnerId,
              cells: [
                <a href={partnerPath(partnerId)}>
                  <bdi>{name}</bdi>
                </a>,
                <PartnerState suspended={suspended} />,
                PLAN_NAMES[plan],
                countText(limits.eventsPerMinute),
                <RelativeTime at={new Date(createdAt)} />,
              ],
            }))}
          />
        )}
        <NextPage href={PARTNERS} cursor={nextCursor} />
      </Panel>
      {!isFirstPage && (
        <p>
          <a href={PARTNERS}>First page</a>
        </p>
      )}
    </ConsoleLayout>
  );
}

/** All partners, newest first, in pages. */
export const partnersPage = consolePage({
  method: 'GET',
  path: '/partners',
  right: 'partners:read',
  handle: async ({ operator, call, query: { cursor } }) => {
    const page = await call<{ data: PresentedPartner[]; nextCursor: string | null }>(listPartnersRoute, {
      query: { limit: String(PAGE_SIZE), ...(cursor !== undefined && { cursor }) },
    });
    const { data: partners, nextCursor } = page;
    return { html: <Partners {...{ operator, partners, isFirstPage: cursor === undefined, nextCursor }} /> };
  },
});
