import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SubmittedEvent } from '../../../../shared/domain/event';
import {
  type ExpectedState,
  waitUntilDrained,
  remainingMarks,
  newExpectedState,
  NO_MARKS,
  sweepNow,
  receiptsOf,
  resolvedCounts,
} from '../../../support/expected-state';
import { anEvent } from '../../../support/builders';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { viewQueue } from '../../../support/queue-view';
import type { TestProcess } from '../../../support/start-process';

const APIS = 2;
const WORKERS = 4;
const CLIENTS = 8;
const KEYS = 240;
const KEYS_PER_BATCH = 40;
const USERS = 12;
const TIMEOUT_MS = 120_000;

const { start, serve } = faultEnvironment();
let mir: Harness;
let apis: TestProcess[];
beforeAll(async () => {
  mir = await serve({ workers: false });
  apis = await Promise.all(Array.from({ length: APIS }, () => start('api', mir.env)));
  await Promise.all(Array.from({ length: WORKERS }, () => start('worker', mir.env)));
});

/** Returns a client's event for a key. For every third key, even and odd clients submit events for different users. */
function eventOf(key: number, client: number): SubmittedEvent {
  const user = key % 3 === 0 && client % 2 === 1 ? `other-${key % USERS}` : `u-${key % USERS}`;
  return anEvent({ userExternalId: user, idempotencyKey: `k-${key}` });
}

interface Submission {
  receiptId: string;
  events: SubmittedEvent[];
  eventIds: string[];
}

/**
 * Submits every key in batches, starting at a different batch for each client. Submits one batch twice, and resubmits
 * some keys as single events.
 */
async function runClient({ partner, rejected }: ExpectedState, n: number): Promise<Submission[]> {
  const { client } = apis[n % APIS]!;
  // A busy machine may reject a submission. Its events may still be stored, but without a receipt.
  const isOverloaded = (status: number, body: { code?: string }): boolean => {
    if (status !== 503 || body.code !== 'OVERLOADED') return false;
    rejected.batches += 1;
    return true;
  };
  const submissions: Submission[] = [];
  const send = async (events: SubmittedEvent[]): Promise<void> => {
    const { status, body } = await client.post('/v1/events', partner.liveKey, { events });
    if (isOverloaded(status, body)) return send(events);
    expect(status).toBe(202);
    submissions.push({ receiptId: body.receiptId, events, eventIds: body.eventIds });
  };
  const batches = Array.from({ length: KEYS / KEYS_PER_BATCH }, (_, b) => {
    const from = ((b + n) * KEYS_PER_BATCH) % KEYS;
    return Array.from({ length: KEYS_PER_BATCH }, (_, k) => eventOf(from + k, n));
  });
  await Promise.all([...batches, batches[0]!].map(send));
  for (let key = n; key < KEYS; key += CLIENTS) {
    const event = eventOf(key, n);
    const { status, body } = await client.post('/v1/events', partner.liveKey, event);
    // An API process that has accepted the key with different content may reject the event, but never drops it.
    if (isOverloaded(status, body)) continue;
    if (status === 202) submissions.push({ receiptId: body.receiptId, events: [event], eventIds: [body.eventId] });
    else expect([status, body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  }
  return submissions;
}

interface ItemOutcome {
  userExternalId: string;
  outcome: string;
}

describe('concurrent submissions of the same idempotency keys', () => {
  it(
    'persists one submission of each key, and reports the others as DUPLICATE or CONFLICT',
    async () => {
      const expectedState = newExpectedState(await mir.partner());
      const submissions = (
        await Promise.all(Array.from({ length: CLIENTS }, (_, n) => runClient(expectedState, n)))
      ).flat();
      await waitUntilDrained(mir);
      expectedState.receiptIds = submissions.map(({ receiptId }) => receiptId);
      const receipts = await receiptsOf(apis[0]!.client, expectedState);

      const outcomesById = new Map<string, ItemOutcome[]>();
      submissions.forEach(({ events, eventIds }, n) => {
        const items = new Map<number, string>(
          (receipts[n]!.items ?? []).map((item: { index: number; outcome: string }) => [item.index, item.outcome]),
        );
        events.forEach(({ userExternalId }, index) => {
          const eventId = eventIds[index]!;
          const outcome = { userExternalId, outcome: items.get(index) ?? 'PERSISTED' };
          outcomesById.set(eventId, [...(outcomesById.get(eventId) ?? []), outcome]);
        });
      });
      expect(outcomesById.size).toBe(KEYS);
      const stored = new Map(
        (await mir.ctx.store.events.model.find({ tenant: expectedState.tenant }).lean()).map((doc) => [
          doc._id as string,
          doc,
        ]),
      );
      expect([...stored.keys()].sort()).toEqual([...outcomesById.keys()].sort());

      const refOf = (user: string): string => mir.ctx.secrets.userRef(expectedState.tenant, user);
      for (const [eventId, outcomes] of outcomesById) {
        const winners = outcomes.filter(({ outcome }) => outcome === 'PERSISTED');
        if (winners.length !== 1) expect([winners.length, expectedState.rejected.batches > 0]).toEqual([0, true]);
        const { userRef } = stored.get(eventId)!;
        const winner = outcomes.find(({ userExternalId }) => refOf(userExternalId) === userRef)!.userExternalId;
        for (const { userExternalId } of winners) expect(userExternalId).toBe(winner);
        for (const { userExternalId, outcome } of outcomes) {
          if (outcome === 'PERSISTED') continue;
          expect(outcome).toBe(userExternalId === winner ? 'DUPLICATE' : 'CONFLICT');
        }
        expectedState.events.set(eventId, winner);
      }
      const conflicts = receipts.filter(({ status }) => status === 'DONE_WITH_FAILURES');
      expect(conflicts.length).toBeGreaterThan(0);
      expect(receipts.every(({ status, failed }) => status !== 'QUEUED' && failed === 0)).toBe(true);

      // Each event counts once, and only for the user whose submission was persisted.
      const counts: Record<string, number> = {};
      for (const user of expectedState.events.values()) counts[user] = (counts[user] ?? 0) + 1;
      expect(await resolvedCounts(apis[1]!.client, expectedState)).toEqual(counts);
      const rows = await mir.ctx.store.users.model.find({ tenant: expectedState.tenant }).lean();
      expect(rows.reduce((sum, { eventCount }) => sum + eventCount, 0)).toBe(KEYS);
      expect(await viewQueue(mir).queue.getFailedCount()).toBe(0);
      if (expectedState.rejected.batches > 0) await sweepNow(mir, expectedState);
      expect(await remainingMarks(mir, expectedState.tenant)).toEqual(NO_MARKS);
    },
    TIMEOUT_MS,
  );
});
