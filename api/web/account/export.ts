import { envOf, type IdentityId, partnerOf } from '../../../shared/domain/ids';
import type { EventDoc } from '../../../shared/store/events';
import type { ApiContext } from '../../context';

import type { Session } from '../../accounts/auth';
import { throttle, type ThrottleRule } from '../../http/throttle';
import { type MyAccount, readMyHistory } from '../links/read-history';
import { withNext } from '../http/next-path';
import { page } from '../http/page';

/** Limits exports, because each export reads all of a person's events. */
const EXPORTS: ThrottleRule = {
  name: 'account-export',
  points: 10,
  seconds: 3_600,
  rejection: 'You can export your data at most ten times an hour.',
};

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

/** Streams a person's data as one JSON document while reading it from the database. */
async function* documentOf(
  ctx: Pick<ApiContext, 'store' | 'queueLink' | 'keys' | 'metrics'>,
  identityId: IdentityId,
  about: Record<string, unknown>,
  accounts: readonly MyAccount[],
): AsyncGenerator<string> {
  const { store } = ctx;
  // Count the attempt only after the process has accepted the export, so that a 503 does not use up an attempt.
  await throttle(ctx, EXPORTS).take(identityId);
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

async function aboutOf(ctx: Pick<ApiContext, 'store'>, { identityId, email }: Session, now: Date) {
  const { store } = ctx;
  const [identity, logIns, sessions, answers] = await Promise.all([
    store.identities.get(identityId),
    store.identityAccounts.atProviders(identityId),
    store.identitySessions.ofIdentity(identityId),
    answersOf(ctx, identityId as IdentityId),
  ]);
  return { exportedAt: now, identity: { email, createdAt: identity?.createdAt ?? null }, logIns, sessions, answers };
}

/** Downloads what MIR stores about the person, including all events of connected accounts, as a JSON file. */
export const exportAccount = page({
  method: 'GET',
  path: '/account/export',
  handle: async ({ ctx, session }) => {
    if (!session) return { redirect: withNext('/login', '/account') };
    const now = new Date();
    const identityId = session.identityId as IdentityId;
    const [live, test] = await Promise.all(
      (['live', 'test'] as const).map((env) => readMyHistory(ctx, identityId, env, now)),
    );
    const about = { ...(await aboutOf(ctx, session, now)), history: live!.signals };
    return {
      download: ctx.longWork.stream(
        session.identityId,
        documentOf(ctx, identityId, about, [...live!.accounts, ...test!.accounts]),
      ),
      filename: `mir-account-${now.toISOString().slice(0, 10)}.json`,
      mediaType: 'application/json; charset=utf-8',
    };
  },
});
