import type { IdentityRef, Tenant, UserRef } from '../../shared/domain/ids';
import {
  EMPTY_IDENTITY_ROW,
  EMPTY_ROW,
  type History,
  linkedMembers,
  ownHistory,
  type HistoryScope,
  type SignalsRow,
  sumOf,
} from '../../shared/domain/signals';
import type { ApiContext } from '../context';
import { readThrough, type RowSource } from './read-through';

export type SignalsSource = 'cache' | 'store';
export interface FoundHistory {
  history: History;
  scope: HistoryScope;
}
export type SignalsDeps = Pick<
  ApiContext,
  'signalsCache' | 'identityCache' | 'readRows' | 'readIdentityRows' | 'metrics' | 'log'
>;

const usersOf = (
  { signalsCache, readRows }: SignalsDeps,
  tenants: ReadonlySet<Tenant>,
): RowSource<UserRef, SignalsRow> => {
  return { cache: signalsCache, readStore: (refs) => readRows(tenants, refs), empty: EMPTY_ROW };
};

/**
 * Adds linked people's history at other partners: reads the rows of their identities, then the rows of their other
 * accounts.
 */
async function combine(
  deps: SignalsDeps,
  refs: UserRef[],
  own: SignalsRow[],
): Promise<{ found: FoundHistory[]; isFromStore: boolean }> {
  const identities = [...new Set(own.flatMap(({ identity }) => (identity === null ? [] : [identity])))];
  const people = await readThrough(
    deps,
    { cache: deps.identityCache, readStore: deps.readIdentityRows, empty: EMPTY_IDENTITY_ROW },
    identities,
  );
  const membersOf = new Map(identities.map((identity, n) => [identity, people.rows[n]!.members]));
  const known = new Map(refs.map((ref, n) => [ref, own[n]!]));
  const unread = [...membersOf.values()].flat().filter(({ userRef }) => !known.has(userRef));
  const others = [...new Set(unread.map(({ userRef }) => userRef))];
  const accounts = await readThrough(deps, usersOf(deps, new Set(unread.map(({ tenant }) => tenant))), others);
  others.forEach((ref, n) => known.set(ref, accounts.rows[n]!));
  const rowOf = (ref: UserRef): SignalsRow => known.get(ref) ?? EMPTY_ROW;

  const sums = new Map<IdentityRef, { refs: Set<UserRef>; history: History }>();
  for (const [identity, members] of membersOf) {
    const linked = linkedMembers(identity, members, rowOf);
    sums.set(identity, { refs: new Set(linked.map(({ userRef }) => userRef)), history: sumOf(linked, rowOf) });
  }
  const found = refs.map((ref, n): FoundHistory => {
    const sum = own[n]!.identity === null ? undefined : sums.get(own[n]!.identity);
    return sum?.refs.has(ref)
      ? { history: sum.history, scope: 'LINKED' }
      : { history: ownHistory(own[n]!), scope: 'OWN' };
  });
  return { found, isFromStore: people.isFromStore || accounts.isFromStore };
}

/**
 * Returns the histories of the tenant's users in the order of `refs`: for a linked user, the person's whole history; for any
 * other user, only the events that this partner submitted.
 */
export async function readSignals(
  deps: SignalsDeps,
  tenant: Tenant,
  refs: UserRef[],
): Promise<{ found: FoundHistory[]; source: SignalsSource }> {
  const own = await readThrough(deps, usersOf(deps, new Set([tenant])), refs);
  if (own.rows.every(({ identity }) => identity === null)) {
    const found = own.rows.map((row): FoundHistory => ({ history: ownHistory(row), scope: 'OWN' }));
    return { found, source: own.isFromStore ? 'store' : 'cache' };
  }
  const { found, isFromStore } = await combine(deps, refs, own.rows);
  return { found, source: own.isFromStore || isFromStore ? 'store' : 'cache' };
}
