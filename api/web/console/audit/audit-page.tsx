import type { VNode } from 'preact';
import { brokenChains, type ChainChecks } from '../../../../shared/store/chain-checks';
import { pageOfAudit } from '../../../audit/list-audit';
import { ACTOR_KINDS, type PresentedEntry } from '../../../audit/present-entry';
import { readChain } from '../../../audit/read-chain';
import { Empty, NextPage, Panel, RelativeTime } from '../../design/app-parts';
import { Field, Select } from '../../design/controls';
import { Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Notice } from '../../design/text';
import type { Fields } from '../../http/page';
import { AuditEntries } from './audit-entries';
import { AUDIT, auditPath, type ChosenChain, chosenChain, chosenOf } from './audit-paths';
import { endOfDay, isDayOrEmpty, isMirIdOrEmpty, MAX_FILTER_ID_LENGTH } from '../../audit/audit-filters';
import { ACTION_WORDS, ACTOR_WORDS } from '../../audit/audit-words';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';

/** Number of entries on a page. */
const PAGE_SIZE = 25;
const PARTNER_ID = /^prt_[a-z0-9]{1,40}$/;
const MAX_SHOWN_CHAINS = 10;

const FILTERS = ['action', 'actor', 'id', 'through'] as const;

interface Shown {
  operator: ConsoleOperator;
  chosen: ChosenChain;
  /** Name of the partner whose chain is shown. */
  partnerName?: string | undefined;
  filters: Fields;
  checks?: ChainChecks;
  entries?: { data: readonly PresentedEntry[]; nextCursor: string | null };
  isFirstPage?: boolean;
  errors?: readonly FormError[];
}

const ANY = { value: '', text: 'Any' };

function Filters({ chosen, filters, errors = [] }: Pick<Shown, 'chosen' | 'filters' | 'errors'>): VNode {
  const fieldOf = (name: string) => ({ name, value: filters[name] ?? '', errors });
  return (
    <Panel>
      <Form action={AUDIT} class="chain-filters">
        <Field
          {...fieldOf('partner')}
          value={filters['partner'] ?? chosen.partnerId ?? ''}
          label="Partner ID (empty: registry)"
          optional
          autocomplete="off"
          maxLength={MAX_FILTER_ID_LENGTH}
        />
        <Select
          {...fieldOf('env')}
          value={chosen.env}
          label="Environment"
          options={[
            { value: 'live', text: 'Live' },
            { value: 'test', text: 'Test' },
          ]}
        />
        <Select
          {...fieldOf('action')}
          label="What"
          options={[ANY, ...Object.entries(ACTION_WORDS).map(([value, text]) => ({ value, text }))]}
        />
        <Select
          {...fieldOf('actor')}
          label="Who"
          options={[ANY, ...ACTOR_KINDS.map((value) => ({ value, text: ACTOR_WORDS[value] }))]}
        />
        <Field
          {...fieldOf('id')}
          label="ID of target or kill"
          optional
          autocomplete="off"
          maxLength={MAX_FILTER_ID_LENGTH}
        />
        <Field {...fieldOf('through')} label="Through (UTC)" type="date" optional />
        <Button>Show entries</Button>
      </Form>
    </Panel>
  );
}

/** What workers found when they last verified all chains. */
function Checks({ checks }: { checks: ChainChecks }): VNode {
  const broken = [...brokenChains(checks)];
  const { completedAt } = checks;
  if (broken.length > 0) {
    return (
      <Notice kind="warn" title={broken.length === 1 ? 'One chain is broken' : `${broken.length} chains are broken`}>
        <p>Rows of the audit log were changed, removed or added. Verify the chain to see where, and what to do.</p>
        <ul>
          {broken.slice(0, MAX_SHOWN_CHAINS).map((chain) => (
            <li key={chain}>
              <a href={auditPath(chosenOf(chain), { page: '/verify' })}>{chain}</a>
            </li>
          ))}
        </ul>
      </Notice>
    );
  }
  return (
    <p class="quiet small">
      {completedAt === null ? (
        'Workers have not verified all chains yet. They start with the first one after MIR was installed.'
      ) : (
        <>
          Workers verify all chains in turn: the last round ended <RelativeTime at={completedAt} />, and found no break.
        </>
      )}
    </p>
  );
}

const isFiltered = (filters: Fields): boolean => FILTERS.some((name) => Boolean(filters[name]));

function Nothing({
  chosen,
  filters,
  nextCursor,
}: Pick<Shown, 'chosen' | 'filters'> & { nextCursor: string | null }): VNode {
  if (nextCursor !== null) {
    return (
      <Empty title="No entry on this page">
        <p>A filter matched none of the newest entries that were read. Older ones may match: open the next page.</p>
      </Empty>
    );
  }
  return (
    <Empty title={isFiltered(filters) ? 'No entry matches' : 'No entries in this chain yet'}>
      <p>
        {isFiltered(filters) ? (
          <a href={auditPath(chosen)}>Show all entries of this chain</a>
        ) : (
          'Each change to keys, agents, members and webhooks, and each use of the kill switch, appears here.'
        )}
      </p>
    </Empty>
  );
}

function Audit(shown: Shown): VNode {
  const { operator, chosen, partnerName, filters, checks, entries, isFirstPage = true, errors = [] } = shown;
  const chain = partnerName === undefined ? 'Registry' : `${partnerName}, ${chosen.env}`;
  const query = Object.fromEntries(FILTERS.map((name) => [name, filters[name]]));
  return (
    <ConsoleLayout
      title="Audit log"
      errors={errors}
      current={AUDIT}
      operator={operator}
      lead="Who changed what, when and why. Each entry is chained to the one before it, so that a later change is found."
      aside={
        errors.length === 0 && (
          <ButtonLink href={auditPath(chosen, { page: '/verify' })} plain>
            Verify this chain
          </ButtonLink>
        )
      }
    >
      {checks && <Checks checks={checks} />}
      <Filters chosen={chosen} filters={filters} errors={errors} />
      {entries && (
        <Panel title={chain} action={!isFirstPage && <a href={auditPath(chosen, query)}>Newest entries</a>} flush>
          {entries.data.length > 0 ? (
            <AuditEntries entries={entries.data} />
          ) : (
            <Nothing chosen={chosen} filters={filters} nextCursor={entries.nextCursor} />
          )}
          <NextPage href={auditPath(chosen, query)} cursor={entries.nextCursor} />
        </Panel>
      )}
    </ConsoleLayout>
  );
}

/** Returns what is wrong with the entered chain and filters. */
function problemsOf({ partner = '', id = '', through = '' }: Fields): FormError[] {
  return [
    ...(partner === '' || PARTNER_ID.test(partner)
      ? []
      : [{ field: 'partner', message: 'Enter the ID of a partner, such as prt_abc123, or nothing for the registry.' }]),
    ...(isMirIdOrEmpty(id)
      ? []
      : [{ field: 'id', message: 'Enter an ID that MIR created, such as agt_live_… or csc_…, not an ID of a user.' }]),
    ...(isDayOrEmpty(through) ? [] : [{ field: 'through', message: 'Enter a day, such as 2026-11-27.' }]),
  ];
}

/** Returns the fields without the spaces that were pasted around them. */
function trimmed(fields: Fields): Fields {
  return Object.fromEntries(['partner', 'env', ...FILTERS].map((name) => [name, (fields[name] ?? '').trim()]));
}

/** Returns the filter of the API. The day `through` is included. A kill has a field of its own. */
function filterOf({ action, actor, id, through }: Fields) {
  const kind = ACTOR_KINDS.find((one) => one === actor);
  return {
    ...(action && { action }),
    ...(kind && { actor: kind }),
    ...(id && (id.startsWith('csc_') ? { cascadeId: id } : { target: id })),
    ...(through && { to: endOfDay(through) }),
  };
}

/** The entries of a partner's environment or of the registry, newest first. */
export const auditPage = consolePage({
  method: 'GET',
  path: '/audit',
  right: 'audit:read',
  handle: async ({ ctx, operator, query }) => {
    const filters = trimmed(query);
    const chosen = chosenChain(filters);
    const errors = problemsOf(filters);
    if (errors.length > 0) return { status: 422, html: <Audit {...{ operator, chosen, filters, errors }} /> };
    const { cursor } = query;
    const { chain, partner } = await readChain(ctx, chosen.partnerId, chosen.env);
    const [entries, checks] = await Promise.all([
      pageOfAudit(ctx, chain, { ...filterOf(filters), limit: PAGE_SIZE, cursor }),
      ctx.store.chainChecks.get(),
    ]);
    const shown = { operator, chosen, partnerName: partner?.name, filters, checks, entries };
    return { html: <Audit {...shown} isFirstPage={cursor === undefined} /> };
  },
});

/** Checks the filters before they become part of a URL, which must not contain a partner's ID of a user. */
export const filterAuditPage = consolePage({
  method: 'POST',
  path: '/audit',
  right: 'audit:read',
  handle: ({ operator, form }) => {
    const filters = trimmed(form);
    const errors = problemsOf(filters);
    const chosen = chosenChain(filters);
    if (errors.length > 0) return { status: 422, html: <Audit {...{ operator, chosen, filters, errors }} /> };
    return { redirect: auditPath(chosen, Object.fromEntries(FILTERS.map((name) => [name, filters[name]]))) };
  },
});
