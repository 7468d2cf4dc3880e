import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SubmittedEvent } from '../../../../shared/domain/event';
import {
  accepted,
  type ExpectedState,
  drainedAtLast,
  expectBalanced,
  newExpectedState,
  someKeyedEvents,
  sweepNow,
} from '../../../support/expected-state';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import type { OwnStore } from '../../../support/own-stores';
import { waitUntil } from '../../../support/wait-until';

/** The contract's bound for the refusal; the client gives up then. */
const REJECTED_WITHIN_MS = 1_000;
/** After so long without an answer a connection is given up. */
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

/** Many clients at once, single events and batches: each is refused, in time, and told when to come again. */
async function expectRejectedInTime(expectedState: ExpectedState, events: SubmittedEvent[]): Promise<void> {
  const answers = await Promise.all(
    events.map(async (event) => {
      const answer = await post(expectedState, event);
      const { code } = (await answer.json()) as { code: string };
      return { status: answer.status, code, retryAfter: Number(answer.headers.get('retry-after')) > 0 };
    }),
  );
  expect(answers).toEqual(events.map(() => ({ status: 503, code: 'OVERLOADED', retryAfter: true })));
}

/** Reading goes on from the store, and does not claim to know what is queued. */
async function expectReadable({ partner: { liveKey } }: ExpectedState, eventId: string): Promise<void> {
  const resolved = await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u-0' });
  expect(resolved).toMatchObject({ status: 200, body: { eventCount: 1, includesEventsThrough: null } });
  expect(resolved.headers.get('x-signals-source')).toBe('store');
  expect(await mir.client.get(`/v1/events/${eventId}`, liveKey)).toMatchObject({ status: 200, body: { eventId } });
  expect((await mir.client.get('/v1/events', liveKey)).body.data).toHaveLength(USERS);
}

describe('an outage of Redis', () => {
  describe.each([
    { what: 'stopped', away: () => redis.stop(), back: () => redis.startAgain() },
    { what: 'killed', away: () => redis.kill(), back: () => redis.startAgain() },
    { what: 'frozen', away: async () => redis.freeze(), back: async () => redis.thaw() },
  ])('with Redis $what', ({ away, back }) => {
    it('POST /events answers 503 within a second, reading goes on, and all goes on when it is back', async () => {
      const expectedState = newExpectedState(await mir.partner());
      await accepted(mir.client, expectedState, someKeyedEvents(USERS, USERS));
      const [eventId] = expectedState.events.keys();
      await waitUntil(
        'the first batch is stored',
        async () => (await mir.ctx.store.receipts.model.countDocuments({ tenant: expectedState.tenant })) === 1,
      );

      const rejected = someKeyedEvents(CLIENTS, USERS);
      await away();
      await expectRejectedInTime(expectedState, rejected);
      await expectReadable(expectedState, eventId!);
      await expectRejectedInTime(expectedState, rejected);

      await back();
      await accepted(mir.client, expectedState, rejected);
      await accepted(mir.client, expectedState, someKeyedEvents(CLIENTS, USERS));
      await drainedAtLast(mir);
      // Commands that a frozen server read too late may have left marks without a job.
      await sweepNow(mir, expectedState);
      await expectBalanced(mir, expectedState);
    });
  });

  it('once Redis is back after a crash, its connections stay', async () => {
    const expectedState = newExpectedState(await mir.partner());
    await accepted(mir.client, expectedState, someKeyedEvents(1, 1));
    // The connection owes answers when it ends; what watches over such debts must not outlive it.
    redis.freeze();
    const rejected = someKeyedEvents(1, 1);
    await expectRejectedInTime(expectedState, rejected);
    await redis.kill();
    await redis.startAgain();
    await accepted(mir.client, expectedState, rejected);
    const until = Date.now() + SOCKET_TIMEOUT_MS + REJECTED_WITHIN_MS;
    await waitUntil('the old connection would have been given up', async () => {
      const resolved = await mir.client.post('/v1/resolve', expectedState.partner.liveKey, { userExternalId: 'u-0' });
      expect(resolved).toMatchObject({ status: 200, body: { includesEventsThrough: expect.any(String) } });
      return Date.now() > until;
    });
    await drainedAtLast(mir);
    await sweepNow(mir, expectedState);
    await expectBalanced(mir, expectedState);
  });
});
