import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../../../shared/domain/api-key';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestAnswer } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';

/** What one partner did in one environment, seen by the others as if it were not there. */
interface Traces {
  eventId: string;
  receiptId: string;
  batchReceiptId: string;
  cursor: string;
}

let mir: Harness;
let owner: TestPartner;
let foreign: TestPartner;
let traces: Traces;
beforeAll(async () => {
  mir = await startHarness();
  owner = await mir.partner();
  foreign = await mir.partner();
  const single = await mir.client.post('/v1/events', owner.testKey, anEvent({ idempotencyKey: 'k' }));
  const batch = await mir.client.post('/v1/events', owner.testKey, { events: someEvents(3) });
  await mir.drained();
  const page = await mir.client.get('/v1/events?limit=1', owner.testKey);
  traces = {
    eventId: single.body.eventId,
    receiptId: single.body.receiptId,
    batchReceiptId: batch.body.receiptId,
    cursor: page.body.nextCursor,
  };
});
afterAll(() => mir.close());

const strangers = (): [string, string][] => [
  ['live of the same partner', owner.liveKey],
  ['another partner’s test', foreign.testKey],
  ['another partner’s live', foreign.liveKey],
];
/** An answer without what differs between any two: the request id and the ids asked for. */
const essence = ({ status, body }: TestAnswer): string => {
  const { requestId: _, ...others } = body;
  return JSON.stringify([status, others]);
};

describe('tenant isolation', () => {
  it('the owner sees it all', async () => {
    const { client } = mir;
    expect((await client.get(`/v1/events/${traces.eventId}`, owner.testKey)).status).toBe(200);
    expect((await client.get(`/v1/events/receipts/${traces.receiptId}`, owner.testKey)).body.status).toBe('DONE');
    expect((await client.get(`/v1/events?cursor=${traces.cursor}`, owner.testKey)).body.data).toHaveLength(3);
    const signals = await client.post('/v1/resolve', owner.testKey, { userExternalId: 'u-1' });
    expect(signals.body.eventCount).toBe(2);
  });

  it('a foreign event answers exactly like a missing one', async () => {
    for (const [, key] of strangers()) {
      const there = await mir.client.get(`/v1/events/${traces.eventId}`, key);
      const missing = await mir.client.get('/v1/events/evt_test_kdoesnotexist', key);
      expectProblem(there, 404, 'NOT_FOUND');
      expect(essence(there)).toBe(essence(missing));
    }
  });

  it('a foreign receipt answers exactly like a missing one', async () => {
    for (const [, key] of strangers()) {
      for (const receiptId of [traces.receiptId, traces.batchReceiptId]) {
        const there = await mir.client.get(`/v1/events/receipts/${receiptId}`, key);
        const missing = await mir.client.get('/v1/events/receipts/rcpt_test_nothing', key);
        expectProblem(there, 404, 'NOT_FOUND');
        expect(essence(there)).toBe(essence(missing));
      }
    }
  });

  it('a receipt whose env was rewritten to live is not one', async () => {
    const forged = traces.receiptId.replace('rcpt_test_', 'rcpt_live_');
    expectProblem(await mir.client.get(`/v1/events/receipts/${forged}`, owner.liveKey), 404, 'NOT_FOUND');
    expectProblem(await mir.client.get(`/v1/events/receipts/${forged}`, owner.testKey), 404, 'NOT_FOUND');
  });

  it('a foreign cursor answers exactly like a forged one', async () => {
    for (const [, key] of strangers()) {
      const there = await mir.client.get(`/v1/events?cursor=${traces.cursor}`, key);
      const forged = await mir.client.get('/v1/events?cursor=AAAA.BBBB', key);
      expectProblem(there, 422, 'VALIDATION_FAILED');
      expect(essence(there)).toBe(essence(forged));
    }
  });

  it('a foreign receipt as a filter lists nothing, like a missing one', async () => {
    for (const [, key] of strangers()) {
      for (const receiptId of [traces.receiptId, traces.batchReceiptId, 'rcpt_test_nothing']) {
        const page = await mir.client.get(`/v1/events?receiptId=${receiptId}`, key);
        expect([page.status, page.body]).toEqual([200, { data: [], nextCursor: null }]);
      }
    }
  });

  it('events of one environment are in no list and no signal of any other', async () => {
    for (const [, key] of strangers()) {
      expect((await mir.client.get('/v1/events', key)).body).toEqual({ data: [], nextCursor: null });
      expect((await mir.client.get('/v1/events?userExternalId=u-1', key)).body.data).toEqual([]);
      const signals = await mir.client.post('/v1/resolve', key, { userExternalIds: ['u-0', 'u-1'] });
      expect(signals.body.results).toMatchObject([
        { tier: 0, eventCount: 0, partnerCount: 0 },
        { tier: 0, eventCount: 0, partnerCount: 0 },
      ]);
    }
  });

  it('the same user is another reference in each environment and at each partner', async () => {
    const keys = [owner.liveKey, owner.testKey, foreign.liveKey, foreign.testKey];
    for (const key of keys) await mir.client.post('/v1/events', key, anEvent({ userExternalId: 'same-person' }));
    await mir.drained();
    const refs = await Promise.all(
      keys.map(
        async (key) => (await mir.client.get('/v1/events?userExternalId=same-person', key)).body.data[0].userRef,
      ),
    );
    expect(new Set(refs).size).toBe(keys.length);
  });

  it('what waits unsettled in test does not hold back the watermark of live', async () => {
    const { liveKey, testKey } = await mir.partner();
    await mir.stopWorkers();
    const waiting = await mir.client.post('/v1/events', testKey, anEvent());
    const live = await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u-1' });
    const test = await mir.client.post('/v1/resolve', testKey, { userExternalId: 'u-1' });
    expect(live.body.includesEventsThrough).toBe(live.body.asOf);
    expect(test.body.includesEventsThrough).toBe(waiting.body.receivedAt);
    await mir.startWorkers();
    await mir.drained();
  });

  it('a live key with the word test in it is no test key, and the other way round', async () => {
    const { liveKey, key } = await mir.partner();
    const renamed = liveKey.replace('mir_live_', 'mir_test_');
    expectProblem(await mir.client.get('/v1/events', renamed), 401, 'API_KEY_INVALID');
    const made = newApiKey('test', key.tag);
    expectProblem(await mir.client.get('/v1/events', made.key), 401, 'API_KEY_INVALID');
  });
});
