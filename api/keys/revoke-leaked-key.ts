import { z } from 'zod';
import { API_KEY_FORMAT, parseApiKey, type ParsedApiKey } from '../../shared/domain/api-key';
import type { PartnerDoc, PartnerKey } from '../../shared/store/partners';
import { insertNotice, wakeUpMails } from '../../shared/mails/notify-partner';
import type { StoreSession } from '../../shared/store/store';
import { killSubtree } from '../agents/kill-subtree';
import type { ApiContext } from '../context';
import type { AuditContext } from '../db/audit-context';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { throttle, throttledAddress, type ThrottleRule } from '../http/throttle';
import { endSession } from '../staff/end-sessions';
import { revokeKeys } from './revoke-key';

const MAX_KEY_LENGTH = 128;
const REASON = 'Reported as leaked by someone who had the key.';

const BY_ADDRESS: ThrottleRule = {
  name: 'leaked-keys',
  points: 20,
  seconds: 60,
  rejection: 'Too many reports from your IP address. Retry in a minute.',
};

const input = z
  .strictObject({
    apiKey: z
      .string()
      .trim()
      .max(MAX_KEY_LENGTH)
      .regex(API_KEY_FORMAT)
      .describe('The whole key, as you found it.')
      .meta({ examples: [`mir_test_abcdefghijkm_${'0'.repeat(49)}`] }),
  })
  .meta({ id: 'RevokeLeakedKeyRequest' });

function notFound(): PublicError {
  return new PublicError(
    'NOT_FOUND',
    'No active API key matches. It may have been revoked already. Check that you copied the whole key.',
  );
}

/**
 * Revokes an agent's key by killing the agent and everything it created, a member's access token by ending its session,
 * or exactly this secret of a partner key. The partner's administrators get an email about a partner key.
 */
async function revokeLeaked(
  ctx: ApiContext,
  { hash, agent, member, env, partnerId }: ParsedApiKey,
  auditContext: AuditContext,
): Promise<void> {
  if (agent) {
    const found = await ctx.store.agents.byKeyHash(hash);
    if (!found) throw notFound();
    const { _id, tenant, rootId } = found;
    const { actor, requestId } = auditContext;
    await killSubtree(ctx, { tenant, agentId: _id, rootId, actor, reason: REASON, requestId });
    return;
  }
  if (member) {
    const token = await ctx.store.accessTokens.get(hash);
    if (!token || !(await endSession(ctx, token.staffId, token.sessionId))) throw notFound();
    return;
  }
  if (!(await ctx.store.partners.byKeyHash(hash))) throw notFound();
  let mailIds: string[] = [];
  const choose = async ({ keys }: PartnerDoc, session: StoreSession): Promise<PartnerKey[]> => {
    const leaked = keys.find((key) => key.hash === hash);
    if (!leaked) throw notFound();
    const facts = { environment: env, name: leaked.name ?? leaked.prefix, prefix: leaked.prefix };
    const notice = { partnerId, reason: 'KEY_LEAKED', facts } as const;
    mailIds = await insertNotice({ store: ctx.store, mails: ctx.config.mail.kind }, notice, session);
    return [leaked];
  };
  await revokeKeys(ctx, partnerId, auditContext, {
    env,
    choose,
    includeCreated: false,
    reason: REASON,
    cause: 'LEAKED',
  });
  await wakeUpMails(ctx, mailIds);
}

export const revokeLeakedKeyRoute = route({
  operationId: 'revokeLeakedKey',
  method: 'POST',
  path: '/keys/revoke-leaked',
  v1Only: true,
  auth: { kind: 'public' },
  tag: 'Keys',
  summary: 'Revoke a leaked API key that you have found',
  description:
    'Needs no other authentication: anyone who has a key can revoke it. A partner key stops working; an agent is killed together with everything it created; the session of a member’s access token ends.',
  query: noQuery,
  body: input,
  answers: {
    200: {
      description: 'The key no longer works in any process',
      schema: z.object({ revoked: z.literal(true) }).meta({ id: 'RevokedLeakedKey' }),
    },
  },
  problems: ['NOT_FOUND', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, body, ip, requestId }) => {
    await throttle(ctx, BY_ADDRESS).take(throttledAddress(ip));
    const key = parseApiKey(body.apiKey);
    if (!key) throw notFound();
    await revokeLeaked(ctx, key, { actor: { kind: 'FINDER' }, requestId, at: new Date() });
    return { status: 200, body: { revoked: true } };
  },
});
