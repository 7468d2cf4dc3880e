import type { VNode } from 'preact';
import { OPERATOR_ROLE_NAMES, type OperatorRight } from '../../../../shared/domain/roles';
import { DEAD_LETTER_QUEUES, type DeadLetterQueue } from '../../../../shared/queue/queues';
import type { DeadLetter } from '../../../admin/dead-letters';
import { listDeadLettersRoute } from '../../../admin/list-dead-letters';
import { countOf } from '../../design/count-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime, Segments, type Row } from '../../design/app-parts';
import { Checkbox } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Notice } from '../../design/text';
import type { Fields, PageResponse } from '../../http/page';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleCall, type ConsoleOperator, consolePage } from '../console-page';
import {
  DEAD_LETTER_QUEUE_NAMES,
  DEAD_LETTERS_PATH,
  deadLetterPath,
  failureOf,
  MissingEvents,
  type PartnerNames,
  partnerNamesOf,
} from './dead-letter-words';

/** The right to replay and drop dead letters. */
export const MANAGE: OperatorRight = 'dead-letters:manage';

/** Number of dead letters on a page, and so the most that one request can replay. */
export const MAX_SELECTED = 25;

/** Begins the names of the check boxes. */
export const SELECTED_PREFIX = 'selected-';

interface Filter {
  queue: DeadLetterQueue | null;
  cursor: string | null;
}

/** Returns what a URL or form asks to list. */
export function filterOf({ queue, cursor }: Fields): Filter {
  return { queue: DEAD_LETTER_QUEUES.find((one) => one === queue) ?? null, cursor: cursor || null };
}

/** Returns where a list is. */
export function listPath({ queue }: Pick<Filter, 'queue'>, more: Record<string, string> = {}): string {
  const query = new URLSearchParams({ ...(queue === null ? {} : { queue }), ...more }).toString();
  return query === '' ? DEAD_LETTERS_PATH : `${DEAD_LETTERS_PATH}?${query}`;
}

const OPTIONS = [
  ['ALL', 'All'],
  ...DEAD_LETTER_QUEUES.map((queue) => [queue, DEAD_LETTER_QUEUE_NAMES[queue]] as const),
] as const;

/** Reads a number of dead letters from the URL. */
function countIn(text: string | undefined): number {
  return /^\d{1,2}$/.test(text ?? '') ? Math.min(Number(text), MAX_SELECTED) : 0;
}

/** Says what a form did. Takes only numbers from the URL. */
function Done({ query }: { query: Fields }): VNode | null {
  const [count, gone, left] = [countIn(query['count']), countIn(query['gone']), countIn(query['left'])];
  if (query['done'] === 'dropped') {
    return (
      <Notice>
        <p>The dead letter is dropped. Its events stay failed in their receipt.</p>
      </Notice>
    );
  }
  if (query['done'] !== 'replayed') return null;
  return (
    <>
      <Notice>
        <p>
          {count === 0 ? 'No dead letter was queued again.' : `${countOf(count, 'dead letter')} queued again.`}
          {gone > 0 && ` ${countOf(gone, 'dead letter')} had already been replayed or dropped, or had expired.`}
          {count > 0 && ' A job that fails again comes back to this list.'}
        </p>
      </Notice>
      {left > 0 && (
        <Notice kind="warn" title="The queue stopped responding">
          <p>{countOf(left, 'dead letter')} may not be queued again. Select them again in a moment.</p>
        </Notice>
      )}
    </>
  );
}

interface ListProps {
  operator: ConsoleOperator;
  filter: Filter;
  letters: readonly DeadLetter[];
  nextCursor: string | null;
  names: PartnerNames;
  query: Fields;
  errors: readonly FormError[];
}

function rowOf(letter: DeadLetter, n: number, { names, query }: ListProps, maySelect: boolean): Row {
  const name = `${SELECTED_PREFIX}${n}`;
  const missing = <MissingEvents letter={letter} names={names} />;
  return {
    key: letter.id,
    cells: [
      maySelect ? (
        <Checkbox name={name} label={missing} value={letter.id} checked={query['select'] === 'all'} />
      ) : (
        missing
      ),
      failureOf(letter).short,
      <RelativeTime at={new Date(letter.failedAt)} />,
      <RelativeTime at={new Date(letter.expiresAt)} />,
      <a href={deadLetterPath(letter.id)}>
        Open<span class="visually-hidden"> {letter.id}</span>
      </a>,
    ],
  };
}

function Letters(props: ListProps): VNode {
  const { operator, filter, letters, nextCursor, query } = props;
  const maySelect = operator.rights.includes(MANAGE);
  const table = (
    <Panel flush>
      <DataTable
        caption="Dead letters"
        columns={[
          { text: 'Missing events' },
          { text: 'Failure' },
          { text: 'Failed' },
          { text: 'Expires' },
          { text: 'Action' },
        ]}
        rows={letters.map((letter, n) => rowOf(letter, n, props, maySelect))}
      />
      <NextPage href={listPath(filter)} cursor={nextCursor} />
    </Panel>
  );
  if (!maySelect) {
    return (
      <>
        {table}
        <p class="quiet small">
          Operators with the role {OPERATOR_ROLE_NAMES.ON_CALL} or {OPERATOR_ROLE_NAMES.ADMIN} can replay and drop dead
          letters.
        </p>
      </>
    );
  }
  const here = filter.cursor === null ? {} : { cursor: filter.cursor };
  const isAllSelected = query['select'] === 'all';
  return (
    <Form action={`${DEAD_LETTERS_PATH}/replay`} class="plain-form" hidden={{ queue: filter.queue }}>
      {table}
      <Actions>
        <Button>Replay selected</Button>
        <ButtonLink href={listPath(filter, isAllSelected ? here : { ...here, select: 'all' })} plain>
          {isAllSelected ? 'Clear selection' : `Select all ${letters.length} on this page`}
        </ButtonLink>
      </Actions>
    </Form>
  );
}

function DeadLetters(props: ListProps): VNode {
  const { operator, filter, letters, query, errors } = props;
  return (
    <ConsoleLayout
      title="Dead letters"
      errors={errors}
      current={DEAD_LETTERS_PATH}
      operator={operator}
      lead="Jobs that failed permanently, newest first. Fix the cause, then replay them: no event is stored twice."
      aside={
        <Segments
          label="Queue"
          options={OPTIONS}
          chosen={filter.queue ?? 'ALL'}
          hrefOf={(queue) => listPath({ queue: queue === 'ALL' ? null : queue })}
        />
      }
    >
      <Done query={query} />
      {letters.length === 0 ? (
        <Panel flush>
          <Empty title={filter.cursor === null ? 'No dead letters' : 'No further dead letters'}>
            <p>
              When a worker gives up on a job, it appears here for 30 days.{' '}
              <a href="/runbook#mirdeadletters">The runbook</a> says what to do then.
            </p>
          </Empty>
        </Panel>
      ) : (
        <Letters {...props} />
      )}
    </ConsoleLayout>
  );
}

/** Shows a page of dead letters. */
export async function showDeadLetters(
  { ctx, operator, call }: Pick<ConsoleCall, 'ctx' | 'operator' | 'call'>,
  filter: Filter,
  { query = {}, errors = [] }: { query?: Fields; errors?: readonly FormError[] } = {},
): Promise<PageResponse> {
  const { queue, cursor } = filter;
  const { data, nextCursor } = await call<{ data: DeadLetter[]; nextCursor: string | null }>(listDeadLettersRoute, {
    query: { limit: String(MAX_SELECTED), ...(queue && { queue }), ...(cursor && { cursor }) },
  });
  const names = await partnerNamesOf(ctx, data);
  const list = { operator, filter, letters: data, nextCursor, names, query, errors };
  return { status: errors.length > 0 ? 422 : 200, html: <DeadLetters {...list} /> };
}

/** Dead letters in pages, of all queues or one. */
export const deadLettersPage = consolePage({
  method: 'GET',
  path: '/dead-letters',
  right: 'queues:read',
  handle: (page) => showDeadLetters(page, filterOf(page.query), { query: page.query }),
});
