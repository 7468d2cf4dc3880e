import { z } from 'zod';
import { AI_MAX_USERS_PER_RESOLVE } from '../../shared/domain/agent';
import { userExternalIdSchema } from '../../shared/domain/event';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { readSignals } from './read-signals';

export const MAX_USERS_PER_RESOLVE = 100;

const nullableTime = z.iso.datetime().nullable();
/** `type` overrides the `number` that zod emits, because client generators build enums only from integers. */
const tier = z.literal([0, 1, 2, 3]).meta({ id: 'Tier', type: 'integer' });

export const signalsSchema = z
  .object({
    userExternalId: z.string(),
    linked: z.boolean(),
    tier: tier.meta({
      examples: [2],
      description:
        'Depth of the history: 0 for no events, 1 for at least one event, and 2 or 3 according to the rules in `basis`.',
    }),
    eventCount: z.int(),
    partnerCount: z.int(),
    recency: z.object({ lastEventAt: nullableTime, daysSinceLastEvent: z.int().nullable() }).meta({ id: 'Recency' }),
    history: z.object({ firstEventAt: nullableTime, days: z.int() }).meta({ id: 'History' }),
    basis: z
      .object({
        scope: z.enum(['LINKED', 'OWN']),
        tierRule: z.string(),
        nextTier: z
          .object({ tier, rule: z.string() })
          .meta({ id: 'NextTier' })
          .nullable()
          .meta({ examples: [{ tier: 3, rule: '≥ 100 events and ≥ 180 days' }] }),
      })
      .meta({ id: 'SignalsBasis' }),
    includesEventsThrough: nullableTime.describe(
      'The response includes each of your events received before this time, unless its receipt reports a failure.',
    ),
    asOf: z.iso.datetime(),
  })
  .meta({ id: 'Signals' });

/** Returns the number of users that an unvalidated body names. */
function namedUsers(body: unknown): number {
  const ids = (body as { userExternalIds?: unknown } | null)?.userExternalIds;
  return Array.isArray(ids) ? ids.length : 1;
}

export const resolveRoute = route({
  operationId: 'resolve',
  method: 'POST',
  path: '/resolve',
  auth: { kind: 'key', scope: 'resolve:read', availableWithoutRedis: true, price: { ids: namedUsers } },
  tag: 'Signals',
  summary: 'Get users’ histories',
  description:
    `Accepts one user, or up to ${MAX_USERS_PER_RESOLVE} at once (AI agents: ${AI_MAX_USERS_PER_RESOLVE}). ` +
    'For users who linked their account to a MIR account, returns their whole history with times rounded to UTC days. ' +
    'For all other users, returns only events that you submitted.',
  body: z.union([
    z.strictObject({ userExternalId: userExternalIdSchema }).meta({ id: 'ResolveRequest' }),
    z
      .strictObject({ userExternalIds: z.array(userExternalIdSchema).min(1).max(MAX_USERS_PER_RESOLVE) })
      .meta({ id: 'BatchResolveRequest' }),
  ]),
  bodyExamples: {
    'One user': { userExternalId: 'u-1' },
    'Several users': { userExternalIds: ['u-1', 'u-2'] },
  },
  answers: {
    200: {
      description: 'The signals of one user, or `results` in the order of the request',
      schema: z.union([signalsSchema, z.object({ results: z.array(signalsSchema) }).meta({ id: 'BatchSignals' })]),
      headers: ['SignalsSource'],
    },
  },
  problems: ['VALIDATION_FAILED', 'BULK_LIMIT_EXCEEDED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller: { tenant, admission }, body }) => {
    const ids = 'userExternalId' in body ? [body.userExternalId] : body.userExternalIds;
    if (admission.credential.agent?.type === 'AI_AGENT' && ids.length > AI_MAX_USERS_PER_RESOLVE) {
      const limit = `AI agents can resolve at most ${AI_MAX_USERS_PER_RESOLVE} users per request`;
      throw new PublicError('BULK_LIMIT_EXCEEDED', `${limit}, but this request contains ${ids.length}. Split it.`);
    }
    const refs = ids.map((id) => ctx.secrets.userRef(tenant, id));
    const { found, source } = await readSignals(ctx, tenant, refs);
    const nowMs = admission.nowMs ?? Date.now();
    const shared = {
      includesEventsThrough: admission.watermarkMs === null ? null : new Date(admission.watermarkMs).toISOString(),
      asOf: new Date(nowMs).toISOString(),
    };
    const results = ids.map((userExternalId, n) => ({
      userExternalId,
      ...ctx.presentSignals(found[n]!.history, found[n]!.scope, nowMs),
      ...shared,
    }));
    return {
      status: 200,
      body: 'userExternalId' in body ? results[0] : { results },
      headers: { 'X-Signals-Source': source },
    };
  },
});
