import { randomInt } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { newChunkId } from '../../../../shared/domain/ids';
import { reserveBytes } from '../../../../shared/queue/queued-bytes';
import { ABANDONED_AFTER_MS, sweepReservations, sweepOpenChunks } from '../../../../shared/queue/sweep-open-chunks';
import {
  submitUntilAccepted,
  type ExpectedState,
  waitUntilDrained,
  expectBalanced,
  remainingMarks,
  newExpectedState,
  NO_MARKS,
  queueViewLink,
  someEvents,
} from '../../../support/expected-state';
import { anEvent } from '../../../support/builders';
import type { ApiClient } from '../../../support/client';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { viewQueue } from '../../../support/queue-view';

const { start, serve } = faultEnvironment();
let mir: Harness;
beforeAll(async () => {
  mir = await serve({ workers: false });
});

/** Returns the watermark that a partner sees, in epoch milliseconds. */
async function includedThrough({ partner }: ExpectedState): Promise<number> {
  const { body } = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'u-0' });
  return Date.parse(body.includesEventsThrough);
}

async function redisNow(): Promise<number> {
  const [seconds, micros] = await viewQueue(mir).redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

describe('the watermark', () => {
  describe('includesEventsThrough', () => {
    it('reports the time of the oldest queued chunk, or the current time if no chunk is queued', async () => {
      const expectedState = newExpectedState(await mir.partner());
      const before = await redisNow();
      expect(await includedThrough(expectedState)).toBeGreaterThanOrEqual(before);

      const first = await mir.client.post(
        '/v1/events',
        expectedState.partner.liveKey,
        anEvent({ userExternalId: 'u-0' }),
      );
      const firstAt = Date.parse(first.body.receivedAt);
      expectedState.events.set(first.body.eventId, 'u-0');
      expectedState.receiptIds.push(first.body.receiptId);
      for (let n = 0; n < 5; n += 1) {
        await submitUntilAccepted(mir.client, expectedState, someEvents(3, 3));
        expect(await includedThrough(expectedState)).toBe(firstAt);
      }

      await mir.startWorkers();
      await waitUntilDrained(mir);
      const after = await redisNow();
      expect(await includedThrough(expectedState)).toBeGreaterThanOrEqual(after);
      await expectBalanced(mir, expectedState);
      await mir.stopWorkers();
    });

    it('reports a separate watermark for each partner and environment', async () => {
      const busy = newExpectedState(await mir.partner());
      const idle = newExpectedState(await mir.partner());
      await submitUntilAccepted(mir.client, busy, someEvents(1, 1));
      const now = await redisNow();
      expect(await includedThrough(busy)).toBeLessThanOrEqual(now);
      expect(await includedThrough(idle)).toBeGreaterThanOrEqual(now);
      const { body } = await mir.client.post('/v1/resolve', busy.partner.testKey, { userExternalId: 'u-0' });
      expect(Date.parse(body.includesEventsThrough)).toBeGreaterThanOrEqual(now);
    });
  });

  const USERS = 6;
  const SUBMITTERS = 4;
  const SUBMISSIONS = 40;
  const RESOLVERS = 3;
  const WORKERS = 3;

  interface AcceptedBatch {
    receivedAtMs: number;
    perUser: Map<string, number>;
  }
  interface Observation {
    user: string;
    eventCount: number;
    throughMs: number;
  }

  /** Submits batches of random sizes for random users, and records when each was received. */
  async function submitBatches(
    client: ApiClient,
    expectedState: ExpectedState,
    batches: AcceptedBatch[],
  ): Promise<void> {
    for (let n = 0; n < SUBMISSIONS; n += 1) {
      const events = Array.from({ length: randomInt(1, 25) }, () =>
        anEvent({ userExternalId: `u-${randomInt(USERS)}` }),
      );
      const { status, body } = await client.post('/v1/events', expectedState.partner.liveKey, { events });
      if (status !== 202) {
        // The outcome is unknown, so the test does not check these events.
        expect(body).toMatchObject({ code: 'OVERLOADED' });
        expectedState.rejected.batches += 1;
        expectedState.rejected.unkeyedEvents += events.length;
        continue;
      }
      const perUser = new Map<string, number>();
      events.forEach(({ userExternalId: user }, index) => {
        perUser.set(user, (perUser.get(user) ?? 0) + 1);
        expectedState.events.set(body.eventIds[index], user);
      });
      expectedState.receiptIds.push(body.receiptId);
      batches.push({ receivedAtMs: Date.parse(body.receivedAt), perUser });
    }
  }

  async function resolveWhile(
    condition: () => boolean,
    client: ApiClient,
    expectedState: ExpectedState,
    observations: Observation[],
  ): Promise<void> {
    const users = Array.from({ length: USERS }, (_, n) => `u-${n}`);
    while (condition()) {
      const body = { userExternalIds: users.slice(0, randomInt(1, USERS + 1)) };
      const response = await client.post('/v1/resolve', expectedState.partner.liveKey, body);
      if (response.status !== 200) continue;
      for (const { userExternalId, eventCount, includesEventsThrough } of response.body.results) {
        if (includesEventsThrough === null) continue;
        observations.push({ user: userExternalId, eventCount, throughMs: Date.parse(includesEventsThrough) });
      }
    }
  }

  it('returns signals that include every event received before includesEventsThrough', async () => {
    const expectedState = newExpectedState(await mir.partner());
    const apis = await Promise.all([start('api', mir.env), start('api', mir.env)]);
    await Promise.all(Array.from({ length: WORKERS }, () => start('worker', mir.env)));
    const batches: AcceptedBatch[] = [];
    const observations: Observation[] = [];
    let submitting = true;
    const resolving = Array.from({ length: RESOLVERS }, (_, n) =>
      resolveWhile(() => submitting, apis[n % 2]!.client, expectedState, observations),
    );
    await Promise.all(
      Array.from({ length: SUBMITTERS }, (_, n) => submitBatches(apis[n % 2]!.client, expectedState, batches)),
    ).finally(() => {
      submitting = false;
    });
    await Promise.all(resolving);

    const violations = observations.filter(({ user, eventCount, throughMs }) => {
      const covered = batches.filter(({ receivedAtMs }) => receivedAtMs < throughMs);
      return eventCount < covered.reduce((sum, { perUser }) => sum + (perUser.get(user) ?? 0), 0);
    });
    expect(violations).toEqual([]);
    expect(observations.length).toBeGreaterThan(SUBMISSIONS);
    await expectBalanced(mir, expectedState);
  });

  describe('the open marker of a chunk whose API process died before it added the job', () => {
    /** Marks a chunk as open, as the API does, but does not add a job. Returns the time of the marker. */
    async function abandonChunk({ partner, tenant }: ExpectedState, withReservation: boolean): Promise<number> {
      const { authorizer, keys } = mir.ctx;
      const chunkId = newChunkId(Date.now());
      const entry = { cost: 1, grant: 'part' as const, chunkIds: [chunkId] };
      const { nowMs } = await authorizer.authorize(partner.key, 'events', 'events:write', [entry]);
      if (withReservation)
        await reserveBytes(
          viewQueue(mir).redis,
          keys,
          { shard: 0, lane: 'bulk', tenant, nowMs: nowMs!, limits: null },
          [{ chunkId, bytes: 1_000, cost: 1 }],
        );
      return nowMs!;
    }

    it.each([
      { sweep: 'sweepOpenChunks', withReservation: false },
      { sweep: 'sweepReservations', withReservation: true },
    ])('holds back the watermark until $sweep removes the open marker', async ({ sweep, withReservation }) => {
      const { keys } = mir.ctx;
      const link = queueViewLink(mir);
      const expectedState = newExpectedState(await mir.partner());
      const sweepAt = (nowMs: number): Promise<number> =>
        sweep === 'sweepReservations'
          ? sweepReservations(link, keys, 0, nowMs)
          : sweepOpenChunks(link, keys, expectedState.tenant, nowMs);
      const authorizedAt = await abandonChunk(expectedState, withReservation);
      expect(await sweepAt(authorizedAt + ABANDONED_AFTER_MS - 1)).toBe(0);
      expect(await includedThrough(expectedState)).toBe(authorizedAt);
      expect(await sweepAt(authorizedAt + ABANDONED_AFTER_MS + 1)).toBe(1);
      expect(await remainingMarks(mir, expectedState.tenant)).toEqual(NO_MARKS);
      const now = await redisNow();
      expect(await includedThrough(expectedState)).toBeGreaterThanOrEqual(now);
    });
  });

  it('never sweeps the markers of a chunk that is still queued', async () => {
    const { keys } = mir.ctx;
    const link = queueViewLink(mir);
    const { queue } = viewQueue(mir);
    const expectedState = newExpectedState(await mir.partner());
    await queue.pause();
    await submitUntilAccepted(mir.client, expectedState, someEvents(3, 3));
    const marks = await remainingMarks(mir, expectedState.tenant);
    const later = Date.now() + 10 * ABANDONED_AFTER_MS;
    expect(await sweepOpenChunks(link, keys, expectedState.tenant, later)).toBe(0);
    expect(await sweepReservations(link, keys, 0, later)).toBe(0);
    expect(await remainingMarks(mir, expectedState.tenant)).toEqual(marks);
    await queue.resume();
    await expectBalanced(mir, expectedState);
  });
});
