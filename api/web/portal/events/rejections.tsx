import type { VNode } from 'preact';
import { REJECTED_EVENTS_RETENTION_DAYS } from '../../../../shared/domain/rejected-event';
import { listRejectedEventsRoute } from '../../../events/list-rejected-events';
import { countText } from '../../design/count-text';
import { Empty, NextPage, Panel } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, type FormError, SearchForm } from '../../design/form';
import { errorsOf } from '../../http/form-errors';
import { type Rejections, RejectionTable } from './event-parts';
import { hrefOf } from '../href';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/rejections';
const MAX_CODE_LENGTH = 100;
const MAX_REQUEST_ID_LENGTH = 128;
const NOTHING: Rejections = { data: [], nextCursor: null, omitted: 0 };

/** What the list is filtered by. `from` and `to` are set by links from other pages. */
type Filter = Partial<Record<'code' | 'request' | 'from' | 'to', string | undefined>>;

const MESSAGES = { from: 'Open the link on the receipt’s page again.', cursor: 'Start again with the first page.' };

function FilterForm({ href, filter, errors }: { href: string; filter: Filter; errors: readonly FormError[] }): VNode {
  return (
    <SearchForm action={href}>
      <Field
        name="code"
        label="Reason"
        hint="A code, such as UNKNOWN_EVENT_TYPE."
        value={filter.code ?? ''}
        autocomplete="off"
        maxLength={MAX_CODE_LENGTH}
        optional
        errors={errors}
      />
      <Field
        name="request"
        label="Request ID"
        hint="From the X-Request-Id of the response."
        value={filter.request ?? ''}
        autocomplete="off"
        maxLength={MAX_REQUEST_ID_LENGTH}
        optional
        errors={errors}
      />
      <Button kind="plain">Filter</Button>
    </SearchForm>
  );
}

function RejectionList({
  member,
  page: { data, nextCursor, omitted },
  filter,
  errors = [],
}: {
  member: Member;
  page: Rejections;
  filter: Filter;
  errors?: readonly FormError[];
}): VNode {
  const href = member.base + PATH;
  const isFiltered = Object.values(filter).some(Boolean);
  return (
    <PortalLayout
      member={member}
      title="Rejections"
      errors={errors}
      path={PATH}
      lead={`Events of the last ${REJECTED_EVENTS_RETENTION_DAYS} days that MIR did not accept, newest first, with the request to look for in your logs.`}
    >
      <Panel>
        <FilterForm href={href} filter={filter} errors={errors} />
      </Panel>
      <Panel flush>
        {data.length === 0 ? (
          <Empty title={isFiltered ? 'No rejected events match' : 'No rejected events'}>
            <p>
              {isFiltered
                ? 'Check the spelling, or show all of them.'
                : 'If MIR rejects one of your events, the reason appears here within a few seconds.'}
            </p>
            {isFiltered && (
              <ButtonLink href={href} plain>
                Show all
              </ButtonLink>
            )}
          </Empty>
        ) : (
          <RejectionTable base={member.base} rejections={data} />
        )}
        <NextPage href={hrefOf(href, filter)} cursor={nextCursor} />
      </Panel>
      {isFiltered && data.length > 0 && (
        <Actions>
          <ButtonLink href={href} plain>
            Show all
          </ButtonLink>
        </Actions>
      )}
      {omitted > 0 && (
        <p class="quiet">
          {countText(omitted)} further problems were not recorded, because there were too many at once.
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
    const { cursor, from, to } = query;
    const [code, request] = [(query['code'] ?? '').trim(), (query['request'] ?? '').trim()];
    const filter = { code, request, from, to };
    try {
      const page = await call<Rejections>(listRejectedEventsRoute, {
        query: {
          ...(code && { code }),
          ...(request && { requestId: request }),
          ...(from && { from }),
          ...(to && { to }),
          ...(cursor && { cursor }),
        },
      });
      return { html: <RejectionList member={member} page={page} filter={filter} /> };
    } catch (error) {
      const errors = errorsOf(error, MESSAGES, {
        nameOf: ({ path }) => (path === 'requestId' ? 'request' : path),
      });
      return { status: 422, html: <RejectionList member={member} page={NOTHING} filter={filter} errors={errors} /> };
    }
  },
});
