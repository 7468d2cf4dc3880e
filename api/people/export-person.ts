import { envOf, type IdentityId, partnerOf } from '../../shared/domain/ids';
import type { EventDoc } from '../../shared/store/events';
import type { ApiContext } from '../context';
import { type MyAccount, readMyHistory } from '../links/read-history';

type Deps = Pick<ApiContext, 'store' | 'presentSignals'>;

/** The account to export, and the email address that it logs in with. */
interface Person {
  identityId: IdentityId;
  email: string;
}

function presentEvent({ _id, eventType, occurredAt, receivedAt, weight, metadata }: EventDoc): string {
  return JSON.stringify({ eventId: _id, eventType, occurredAt, receivedAt, weight, metadata: metadata ?? null });
}

function presentAccount({ account, partner, row }: MyAccount): Record<string, unknown> {
  return {
    linkId: account.linkId,
    platform: partner?.name ?? null,
    website: partner?.website ?? null,
    environment: envOf(account.tenant),
    accountLabel: account.accountLabel ?? null,
    linkedAt: account.linkedAt,
    eventCount: row?.eventCount ?? 0,
  };
}

/**
 * Returns a person's decisions on invitations and codes, including declined requests and connections that have ended.
 */
async function answersOf({ store }: Pick<ApiContext, 'store'>, identityId: IdentityId) {
  const requests = await store.linkRequests.answeredBy(identityId);
  const partnerIds = [...new Set(requests.map(({ tenant }) => partnerOf(tenant)))];
  const partners = await store.partners.many(partnerIds);
  return requests.map(({ tenant, kind, status, createdAt }) => ({
    platform: partners.get(partnerOf(tenant))?.name ?? null,
    environment: envOf(tenant),
    kind,
    answer: status === 'DECLINED' ? 'DECLINED' : 'CONNECTED',
    askedAt: createdAt,
  }));
}

async function aboutOf({ store }: Deps, { identityId, email }: Person, now: Date) {
  const [identity, logIns, sessions, answers] = await Promise.all([
    store.identities.get(identityId),
    store.identityAccounts.atProviders(identityId),
    store.identitySessions.of(identityId),
    answersOf({ store }, identityId),
  ]);
  return { exportedAt: now, identity: { email, createdAt: identity?.createdAt ?? null }, logIns, sessions, answers };
}

async function* documentOf(
  { store }: Deps,
  about: Record<string, unknown>,
  accounts: readonly MyAccount[],
): AsyncGenerator<string> {
  yield `${JSON.stringify(about, null, 1).slice(0, -2)},\n "accounts": [`;
  let firstAccount = true;
  for (const mine of accounts) {
    yield `${firstAccount ? '' : ','}\n${JSON.stringify(presentAccount(mine)).slice(0, -1)},"events":[`;
    firstAccount = false;
    let firstEvent = true;
    for await (const event of store.events.ofUser(mine.account.tenant, mine.account.userRef)) {
      yield `${firstEvent ? '' : ','}\n${presentEvent(event)}`;
      firstEvent = false;
    }
    yield ']}';
  }
  yield '\n ]\n}\n';
}

/**
 * Returns what MIR stores about a person, including all events of connected accounts, as the chunks of one JSON
 * document. Reads the events from the database while the document is being read.
 */
export async function exportPerson(deps: Deps, person: Person, now: Date): Promise<AsyncGenerator<string>> {
  const [about, live, test] = await Promise.all([
    aboutOf(deps, person, now),
    readMyHistory(deps, person.identityId, 'live', now),
    readMyHistory(deps, person.identityId, 'test', now),
  ]);
  return documentOf(deps, { ...about, history: live.signals }, [...live.accounts, ...test.accounts]);
}
