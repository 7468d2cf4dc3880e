import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SubmittedEvent } from '../../../../shared/domain/event';
import {
  submitUntilAccepted,
  type ExpectedState,
  waitUntilDrained,
  expectBalanced,
  newExpectedState,
  someKeyedEvents,
  sweepNow,
} from '../../../support/expected-state';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { outagesOf } from '../../../support/outages-of';
import type { OwnStore } from '../../../support/own-store';
import { waitUntil } from '../../../support/wait-until';

/** The API contract's time limit for rejecting a request. The tests' client gives up after this time. */
const REJECTED_WITHIN_MS = 1_000;
/** A connection is closed if a response does not arrive within this time. */
const SOCKET_TIMEOUT_MS = 10_000;
const CLIENTS = 20;
const USERS = 10;

const { start, ownRedis, serve } = faultEnvironment();
let mir: Harness;
let redis: OwnStore;
beforeAll(async () => {
  redis = await ownRedis();
  mir = await serve({ workers: false, env: { REDIS_URL: redis.url, REDIS_TIMEOUT_MS: '450' } });
  await start('worker', mir.env);
});

async function post(expectedState: ExpectedState, body: SubmittedEvent): Promise<Response> {
  return fetch(`${mir.url}/v1/events`, {
    method: 'POST',
    headers: { 'x-api-key': expectedState.partner.liveKey, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(REJECTED_WITHIN_MS),
  });
}

/** Submits each event in its own concurrent request, and expects timely rejections with a `Retry-After` header. */
async function expectRejectedInTime(expectedState: ExpectedState, events: SubmittedEvent[]): Promise<void> {
  const outcomes = await Promise.all(
    events.map(async (event) => {
      const response = await post(expectedState, event);
      const { code } = (await response.json()) as { code: string };
      return { status: response.status, code, retryAfter: Number(response.headers.get('retry-after')) > 0 };
    }),
  );
  expect(outcomes).toEqual(events.map(() => ({ status: 503, code: 'OVERLOADED', retryAfter: true })));
}

/** Expects reads from MongoDB to succeed, and the watermark to be unknown. */
async function expectReadable({ partner: { liveKey } }: ExpectedState, eventId: string): Promise<void> {
  const resolved = await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u-0' });
  expect(resolved).toMatchObject({ status: 200, body: { eventCount: 1, includesEventsThrough: null } });
  expect(resolved.headers.get('x-signals-source')).toBe('store');
  expect(await mir.client.get(`/v1/events/${eventId}`, liveKey)).toMatchObject({ status: 200, body: { eventId } });
  expect((await mir.client.get('/v1/events', liveKey)).body.data).toHaveLength(USERS);
}

describe('a Redis outage', () => {
  describe.each(outagesOf(() => redis))('with Redis $outage', ({ begin, end }) => {
    it('returns 503 from POST /events within a second, keeps serving reads, and recovers afterward', async () => {
      const expectedState = newExpectedState(await mir.partner());
      await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(USERS, USERS));
      const [eventId] = expectedState.events.keys();
      await waitUntil(
        'the first batch is stored',
        async () => (await mir.ctx.store.receipts.model.countDocuments({ tenant: expectedState.tenant })) === 1,
      );

      const rejected = someKeyedEvents(CLIENTS, USERS);
      await begin();
      await expectRejectedInTime(expectedState, rejected);
      await expectReadable(expectedState, eventId!);
      await expectRejectedInTime(expectedState, rejected);

      await end();
      await submitUntilAccepted(mir.client, expectedState, rejected);
      await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(CLIENTS, USERS));
      await waitUntilDrained(mir);
      // A frozen server may run commands after their timeout, which leaves open chunks without a job.
      await sweepNow(mir, expectedState);
      await expectBalanced(mir, expectedState);
    });
  });

  it('keeps new connections open after a crash and restart of Redis', async () => {
    const expectedState = newExpectedState(await mir.partner());
    await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(1, 1));
    // The connection ends with responses pending. The timer that watches for them must not close a later connection.
    redis.freeze();
    const rejected = someKeyedEvents(1, 1);
    await expectRejectedInTime(expectedState, rejected);
    await redis.kill();
    await redis.restart();
    await submitUntilAccepted(mir.client, expectedState, rejected);
    const until = Date.now() + SOCKET_TIMEOUT_MS + REJECTED_WITHIN_MS;
    await waitUntil('the old connection would have timed out', async () => {
      const resolved = await mir.client.post('/v1/resolve', expectedState.partner.liveKey, { userExternalId: 'u-0' });
      expect(resolved).toMatchObject({ status: 200, body: { includesEventsThrough: expect.any(String) } });
      return Date.now() > until;
    });
    await waitUntilDrained(mir);
    await sweepNow(mir, expectedState);
    await expectBalanced(mir, expectedState);
  });
});
