import { z } from 'zod';
import { type Route, route } from '../http/route';

const CHECK_TIMEOUT_MS = 1_500;
const RETRY_AFTER_SECONDS = '2';

const state = z.enum(['up', 'down']);
const readiness = <Status extends string>(statuses: readonly [Status, ...Status[]]) =>
  z.object({ status: z.enum(statuses), checks: z.object({ queue: state, cache: state, store: state }) });

const shared = { method: 'GET', auth: { kind: 'public' }, tag: 'Operations' } as const;

/** `GET /healthz`. */
const healthzRoute = route({
  ...shared,
  problems: [],
  path: '/healthz',
  summary: 'Whether the process runs',
  answers: { 200: { description: 'It runs', schema: z.object({ status: z.literal('ok') }) } },
  handle: () => ({ status: 200, body: { status: 'ok' } }),
});

async function isUp(check: Promise<unknown>): Promise<'up' | 'down'> {
  try {
    await check;
    return 'up';
  } catch {
    return 'down';
  }
}

/**
 * `GET /readyz`: 503 while draining or while the queue store is away (nothing could be accepted). The document store
 * and the cache are shown but do not take the API out of rotation: it goes on accepting without the one and
 * resolving without the other.
 */
const readyzRoute = route({
  ...shared,
  problems: [],
  path: '/readyz',
  summary: 'Whether the process can be given requests',
  description:
    'The store and the cache are shown, but do not decide: events are accepted without the one, signals read without the other',
  answers: {
    200: { description: 'It can', schema: readiness(['ready']) },
    503: {
      description: 'It stops, or the queue store does not answer it',
      schema: readiness(['draining', 'not ready']),
      headers: ['RetryAfter'],
      exampleFields: { checks: { queue: 'down', cache: 'up', store: 'up' }, status: 'not ready' },
    },
  },
  handle: async ({ ctx: { store, queueLink, cacheLink, draining } }) => {
    const [queue, cache, documents] = await Promise.all([
      isUp(queueLink.client.ping()),
      isUp(cacheLink.client.ping()),
      isUp(store.ping(CHECK_TIMEOUT_MS)),
    ]);
    const checks = { queue, cache, store: documents };
    if (!draining.now && queue === 'up') return { status: 200, body: { status: 'ready', checks } };
    const status = draining.now ? 'draining' : 'not ready';
    return { status: 503, body: { status, checks }, headers: { 'Retry-After': RETRY_AFTER_SECONDS } };
  },
});

/** For balancers and orchestrators. */
export const HEALTH_ROUTES: readonly Route[] = [healthzRoute, readyzRoute];
