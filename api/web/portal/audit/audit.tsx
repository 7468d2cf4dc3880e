import type { VNode } from 'preact';
import { tenantOf } from '../../../../shared/domain/ids';
import { listAuditRoute } from '../../../audit/list-audit';
import { ACTOR_KINDS, type PresentedEntry } from '../../../audit/present-entry';
import { countOf, countText } from '../../design/count-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime } from '../../design/app-parts';
import { Field, Select } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import type { Fields } from '../../http/page';
import { endOfDay, isDayOrEmpty, isMirIdOrEmpty, MAX_FILTER_ID_LENGTH } from '../../audit/audit-filters';
import { changedValues } from '../../audit/audit-values';
import { actionText, ACTOR_WORDS, actorText, PARTNER_ACTIONS } from '../../audit/audit-words';
import { type Member, memberPage } from '../member-page';
import { namesOf } from '../names';
import { PortalLayout } from '../portal-layout';

const PATH = '/audit';
/** Entries on a page. */
const PAGE_SIZE = 25;

interface Entries {
  data: readonly PresentedEntry[];
  nextCursor: string | null;
}

type Names = Map<string, string>;

function Target({ member, target, names }: { member: Member; target: string; names: Names }): VNode {
  const { base, partnerId, env } = member;
  if (target === tenantOf(partnerId, env)) return <>This environment</>;
  if (target === partnerId) return <>Your organization</>;
  const text = names.get(target);
  const shown = text === undefined ? <code>{target}</code> : <bdi>{text}</bdi>;
  if (target.startsWith('agt_')) return <a href={`${base}/agents/view?agent=${target}`}>{shown}</a>;
  return shown;
}

function Changes({ entry }: { entry: PresentedEntry }): VNode {
  const facts = changedValues(entry).filter(({ before, after }) => before !== after);
  const isChange = entry.before !== null && entry.after !== null;
  const { reason, requestId, cascadeId, seq } = entry;
  return (
    <details class="entry">
      <summary>{facts.length === 0 ? 'Details' : countOf(facts.length, 'value')}</summary>
      <ul>
        {facts.map(({ name, before, after }) => (
          <li key={name}>
            {name}: {isChange && <s>{before ?? 'None'}</s>} {isChange && '→'}{' '}
            <strong>{after ?? (isChange ? 'None' : before)}</strong>
          </li>
        ))}
        {reason !== null && <li>Reason: {reason}</li>}
        {cascadeId !== null && (
          <li>
            Kill: <code>{cascadeId}</code>
          </li>
        )}
        <li>
          Request: <code>{requestId}</code>
        </li>
        <li>{seq === null ? 'Not sealed yet' : `Entry ${countText(seq)} of the log`}</li>
      </ul>
    </details>
  );
}

function EntryTable({ member, entries, names }: { member: Member; entries: Entries['data']; names: Names }): VNode {
  return (
    <DataTable
      caption="Audit entries"
      columns={[{ text: 'What happened' }, { text: 'Who' }, { text: 'To what' }, { text: 'Changes' }, { text: 'When' }]}
      rows={entries.map((entry) => ({
        key: entry.auditId,
        cells: [
          actionText(entry.action),
          <bdi>{actorText(entry.actor, (id) => names.get(id))}</bdi>,
          <span class="url">
            <Target member={member} target={entry.target} names={names} />
          </span>,
          <Changes entry={entry} />,
          <RelativeTime at={new Date(entry.at)} />,
        ],
      }))}
    />
  );
}

function Filters({ base, form, errors }: { base: string; form: Fields; errors: readonly FormError[] }): VNode {
  const fieldOf = (name: string) => ({ name, value: form[name] ?? '', errors });
  return (
    <Panel flush>
      <details class="filter" open={errors.length > 0 || queryOf(form) !== ''}>
        <summary>Filter</summary>
        <Form action={base + PATH} class="filters">
          <Select
            {...fieldOf('action')}
            label="What happened"
            options={[
              { value: '', text: 'Anything' },
              ...PARTNER_ACTIONS.map((value) => ({ value, text: actionText(value) })),
            ]}
          />
          <Select
            {...fieldOf('actor')}
            label="Who"
            options={[
              { value: '', text: 'Anyone' },
              ...ACTOR_KINDS.map((value) => ({ value, text: ACTOR_WORDS[value] })),
            ]}
          />
          <Field {...fieldOf('target')} label="MIR ID" optional autocomplete="off" maxLength={MAX_FILTER_ID_LENGTH} />
          <Field {...fieldOf('from')} label="From (UTC)" type="date" optional />
          <Field {...fieldOf('to')} label="Through (UTC)" type="date" optional />
          <Button kind="plain">Show</Button>
        </Form>
      </details>
    </Panel>
  );
}

const FILTERS = ['action', 'actor', 'target', 'from', 'to'] as const;

/** Returns the query of the page for these filters, without those that are empty. */
function queryOf(fields: Fields): string {
  const set = FILTERS.flatMap((name): [string, string][] => {
    const value = (fields[name] ?? '').trim();
    return value === '' ? [] : [[name, value]];
  });
  return set.length === 0 ? '' : `?${new URLSearchParams(set).toString()}`;
}

function Audit({
  member,
  entries,
  names = new Map(),
  filters,
  errors = [],
}: {
  member: Member;
  entries?: Entries;
  names?: Names;
  filters: Fields;
  errors?: readonly FormError[];
}): VNode {
  const { base } = member;
  const query = queryOf(filters);
  return (
    <PortalLayout
      member={member}
      title="Audit log"
      errors={errors}
      path={PATH}
      lead="Every change in this environment: who did what, when and why. Entries are chained, so that no one can change one unnoticed."
      action={<ButtonLink href={`${base}${PATH}/verify`}>Verify the log</ButtonLink>}
    >
      <Filters base={base} form={filters} errors={errors} />
      {entries && (
        <Panel flush>
          {entries.data.length > 0 && <EntryTable member={member} entries={entries.data} names={names} />}
          {entries.data.length === 0 && (
            <Empty title={entries.nextCursor === null ? 'No entries' : 'No entries on this page'}>
              <p>
                {entries.nextCursor !== null && 'Older entries may match: open the next page.'}
                {entries.nextCursor === null && query === '' && 'Changes to keys, members and agents appear here.'}
                {entries.nextCursor === null && query !== '' && <a href={base + PATH}>Show all entries</a>}
              </p>
            </Empty>
          )}
          <NextPage href={`${base}${PATH}${query}`} cursor={entries.nextCursor} />
        </Panel>
      )}
      {query !== '' && (
        <Actions>
          <ButtonLink href={base + PATH} plain>
            Remove the filters
          </ButtonLink>
        </Actions>
      )}
    </PortalLayout>
  );
}

/** Returns what is wrong with the filters. */
function problemsOf(fields: Fields): FormError[] {
  const valueOf = (name: string): string => (fields[name] ?? '').trim();
  return [
    ...(isMirIdOrEmpty(valueOf('target'))
      ? []
      : [{ field: 'target', message: 'Enter an ID that MIR made, such as agt_live_… or key_…' }]),
    ...(['from', 'to'] as const)
      .filter((name) => !isDayOrEmpty(valueOf(name)))
      .map((field) => ({ field, message: 'Enter a day as YYYY-MM-DD.' })),
  ];
}

/** Returns the query of the route. The day `to` is included. */
function filterOf({ action, actor, target, from, to }: Fields): Record<string, string> {
  return {
    ...(action && { action }),
    ...(actor && { actor }),
    ...(target && { target }),
    ...(from && { from: `${from}T00:00:00Z` }),
    ...(to && { to: endOfDay(to) }),
  };
}

export const auditPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'audit:read',
  handle: async (page) => {
    const { member, call, query } = page;
    const errors = problemsOf(query);
    if (errors.length > 0) return { status: 422, html: <Audit member={member} filters={query} errors={errors} /> };
    const { cursor } = query;
    const entries = await call<Entries>(listAuditRoute, {
      query: { ...filterOf(query), limit: String(PAGE_SIZE), ...(cursor && { cursor }) },
    });
    const names = await namesOf(
      page,
      entries.data.flatMap(({ target, actor }) => [
        target,
        actor.kind === 'AGENT' ? actor.agentId : null,
        actor.kind === 'PARTNER' ? actor.keyId : null,
      ]),
    );
    return { html: <Audit member={member} entries={entries} names={names} filters={query} /> };
  },
});

/** Checks the filters before they become part of an address, so that it never contains an ID of a user. */
export const filterAudit = memberPage({
  method: 'POST',
  path: PATH,
  scope: 'audit:read',
  handle: ({ member, form }) => {
    const errors = problemsOf(form);
    if (errors.length > 0) return { status: 422, html: <Audit member={member} filters={form} errors={errors} /> };
    return { redirect: member.base + PATH + queryOf(form) };
  },
});
