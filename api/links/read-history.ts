import { type Env, envOf, type IdentityId, identityRefOf, partnerOf, type UserRef } from '../../shared/domain/ids';
import { EMPTY_ROW, linkedMembers, type Signals, sumOf } from '../../shared/domain/signals';
import type { LinkedAccount } from '../../shared/store/memberships';
import type { LinkRequestDoc } from '../../shared/store/link-requests';
import type { PartnerDoc } from '../../shared/store/partners';
import { type UserRow } from '../../shared/store/users';
import type { ApiContext } from '../context';

type Deps = Pick<ApiContext, 'store' | 'presentSignals'>;

/** A linked account with its partner and its own signals row. */
export interface MyAccount {
  account: LinkedAccount;
  partner: PartnerDoc | null;
  row: UserRow | undefined;
}

/**
 * A person's linked accounts in one environment, with their combined signals. Read from MongoDB instead of the cache,
 * so the data is always current.
 */
export interface MyHistory {
  env: Env;
  accounts: MyAccount[];
  signals: Signals;
}

function rowsOf(store: Deps['store'], users: readonly Pick<LinkRequestDoc, 'tenant' | 'userRef'>[]) {
  return store.users.rows(
    users.map(({ tenant }) => tenant),
    users.map(({ userRef }) => userRef),
  );
}

export async function readMyHistory(
  { store, presentSignals }: Deps,
  identityId: IdentityId,
  env: Env,
  now: Date,
): Promise<MyHistory> {
  const identity = identityRefOf(identityId, env);
  const membership = await store.memberships.get(identity);
  const members = membership?.members ?? [];
  const rows = await rowsOf(store, members);
  const rowOf = (ref: UserRef) => rows.get(ref) ?? EMPTY_ROW;
  const linked = linkedMembers(identity, members, rowOf);
  const partners = await store.partners.many([...new Set(linked.map(({ tenant }) => partnerOf(tenant)))]);
  const accounts = linked.map((account) => ({
    account,
    partner: partners.get(partnerOf(account.tenant)) ?? null,
    row: rows.get(account.userRef),
  }));
  return { env, accounts, signals: presentSignals(sumOf(linked, rowOf), 'LINKED', now.getTime()) };
}

/** Returns the signals that the partner who created a link request would see after the person confirms it. */
export async function readHistoryWith(
  { store, presentSignals }: Deps,
  identityId: IdentityId,
  { tenant, userRef }: Pick<LinkRequestDoc, 'tenant' | 'userRef'>,
  now: Date,
): Promise<Signals> {
  const identity = identityRefOf(identityId, envOf(tenant));
  const members = (await store.memberships.get(identity))?.members ?? [];
  const others = members.filter((member) => member.userRef !== userRef);
  const rows = await rowsOf(store, [...others, { tenant, userRef }]);
  const rowOf = (ref: UserRef) => rows.get(ref) ?? EMPTY_ROW;
  const counted = [...linkedMembers(identity, others, rowOf), { tenant, userRef }];
  return presentSignals(sumOf(counted, rowOf), 'LINKED', now.getTime());
}
