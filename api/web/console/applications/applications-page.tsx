import type { VNode } from 'preact';
import { pageOfApplications } from '../../../partners/list-applications';
import { applicationStatusSchema, type PresentedApplication } from '../../../partners/present-application';
import { Empty, Panel, Segments } from '../../design/app-parts';
import { Actions, ButtonLink } from '../../design/form';
import { ApplicationsTable, STATUS_NAMES } from './applications-table';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';

const PATH = '/console/applications';
const PAGE_SIZE = 25;

const FILTERS = [...applicationStatusSchema.options, 'ALL'] as const;
type Filter = (typeof FILTERS)[number];

const hrefOf = (filter: Filter, cursor?: string): string =>
  `${PATH}?${new URLSearchParams({ status: filter, ...(cursor === undefined ? {} : { cursor }) }).toString()}`;

const OPTIONS = FILTERS.map((filter) => [filter, filter === 'ALL' ? 'All' : STATUS_NAMES[filter]] as const);

const EMPTY: Record<Filter, string> = {
  PENDING: 'No application waits for a decision',
  APPROVED: 'No application has been approved',
  REJECTED: 'No application has been rejected',
  ALL: 'No platform has applied yet',
};

interface ListProps {
  filter: Filter;
  operator: ConsoleOperator;
  applications: readonly PresentedApplication[];
  isFirstPage: boolean;
  nextCursor: string | null;
}

function Applications({ filter, operator, applications, isFirstPage, nextCursor }: ListProps): VNode {
  return (
    <ConsoleLayout
      title="Applications"
      current={PATH}
      operator={operator}
      lead="Newest first. Open an application to read it and decide."
      aside={<Segments label="Status" options={OPTIONS} chosen={filter} hrefOf={hrefOf} />}
    >
      <Panel flush>
        {applications.length === 0 ? (
          <Empty title={EMPTY[filter]}>
            <p>
              Platforms apply at <a href="/partners">/partners</a> or through the API.
            </p>
          </Empty>
        ) : (
          <ApplicationsTable caption="Applications" applications={applications} withStatus={filter === 'ALL'} />
        )}
      </Panel>
      {(!isFirstPage || nextCursor !== null) && (
        <Actions>
          {!isFirstPage && (
            <ButtonLink href={hrefOf(filter)} plain>
              First page
            </ButtonLink>
          )}
          {nextCursor !== null && (
            <ButtonLink href={hrefOf(filter, nextCursor)} plain>
              Next page
            </ButtonLink>
          )}
        </Actions>
      )}
    </ConsoleLayout>
  );
}

/** Applications by status, in pages. Shows those that wait for a decision unless the URL names another status. */
export const applicationsPage = consolePage({
  method: 'GET',
  path: '/applications',
  right: 'partners:read',
  handle: async ({ ctx, operator, query: { status: chosen, cursor } }) => {
    const filter = FILTERS.find((one) => one === chosen) ?? 'PENDING';
    const status = filter === 'ALL' ? undefined : filter;
    const { data, nextCursor } = await pageOfApplications(ctx, { status, limit: PAGE_SIZE, cursor });
    const list = { filter, operator, applications: data, isFirstPage: cursor === undefined, nextCursor };
    return { html: <Applications {...list} /> };
  },
});
