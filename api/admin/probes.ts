import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { ApiContext } from '../context';
import type { RouteDoc } from '../http/route';
import { requestIdOf } from '../http/request-id';
import { leaveIfDraining, send } from '../http/respond';

const CHECK_TIMEOUT_MS = 1_500;

const state = z.enum(['up', 'down']);
const readiness = <Status extends string>(statuses: readonly [Status, ...Status[]]) =>
  z.object({ status: z.enum(statuses), checks: z.object({ queue: state, cache: state, store: state }) });

const shared = { method: 'GET', auth: { kind: 'public' }, tag: 'Operations' } as const;

/** Both as documented. */
export const HEALTH_DOCS: readonly RouteDoc[] = [
  {
    ...shared,
    problems: [],
    path: '/healthz',
    summary: 'Whether the process runs',
    answers: { 200: { description: 'It runs', schema: z.object({ status: z.literal('ok') }) } },
  },
  {
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
  },
];

type Deps = Pick<ApiContext, 'store' | 'queueLink' | 'cacheLink' | 'draining'>;

/** `GET /healthz`: the process runs. */
export const healthz: RequestHandler = (req, res) =>
  send(res, 200, { status: 'ok' }, { 'X-Request-Id': requestIdOf(req) });

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
export function readyz({ store, queueLink, cacheLink, draining }: Deps): RequestHandler {
  return async (req, res) => {
    const [queue, cache, documents] = await Promise.all([
      isUp(queueLink.client.ping()),
      isUp(cacheLink.client.ping()),
      isUp(store.ping(CHECK_TIMEOUT_MS)),
    ]);
    const ready = !draining.now && queue === 'up';
    const body = {
      status: draining.now ? 'draining' : ready ? 'ready' : 'not ready',
      checks: { queue, cache, store: documents },
    };
    const headers: Record<string, string> = { 'X-Request-Id': requestIdOf(req) };
    if (!ready) headers['Retry-After'] = '2';
    leaveIfDraining({ draining }, headers);
    send(res, ready ? 200 : 503, body, headers);
  };
}
