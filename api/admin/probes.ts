import { z } from 'zod';
import { type Route, route } from '../http/route';

const CHECK_TIMEOUT_MS = 1_500;
const RETRY_AFTER_SECONDS = '2';

const state = z.enum(['up', 'down']).meta({ id: 'DependencyState' });
const checksSchema = z.object({ queue: state, cache: state, store: state }).meta({ id: 'ReadinessChecks' });
const readiness = <Status extends string>(id: string, statuses: readonly [Status, ...Status[]]) =>
  z.object({ status: z.enum(statuses), checks: checksSchema }).meta({ id });

const shared = { method: 'GET', auth: { kind: 'public' }, tag: 'Operations' } as const;

const healthzRoute = route({
  ...shared,
  operationId: 'getHealth',
  problems: [],
  path: '/healthz',
  summary: 'Check that the process is alive',
  answers: {
    200: { description: 'The process is alive', schema: z.object({ status: z.literal('ok') }).meta({ id: 'Health' }) },
  },
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
 * Returns 503 while the process drains or while the queue is unreachable. Reports the state of the database and the
 * cache, but does not require them: MIR accepts events without the database and resolves users without the cache.
 */
const readyzRoute = route({
  ...shared,
  operationId: 'getReadiness',
  problems: [],
  path: '/readyz',
  summary: 'Check that the process is ready to serve requests',
  description:
    'Reports the state of the database and the cache, but does not require them: MIR accepts events without the database and reads signals without the cache.',
  answers: {
    200: { description: 'Ready', schema: readiness('Ready', ['ready']) },
    503: {
      description: 'The process is draining, or the queue is unreachable',
      schema: readiness('NotReady', ['draining', 'not ready']),
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

/** Probes for load balancers and orchestrators. */
export const HEALTH_ROUTES: readonly Route[] = [healthzRoute, readyzRoute];
