import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../../../shared/domain/api-key';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';

/** Identifiers of one tenant's data, which other tenants must not be able to use. */
interface OwnedIds {
  eventId: string;
  receiptId: string;
  batchReceiptId: string;
  cursor: string;
}

let mir: Harness;
let owner: TestPartner;
let foreign: TestPartner;
let ids: OwnedIds;
beforeAll(async () => {
  mir = await startHarness();
  owner = await mir.partner();
  foreign = await mir.partner();
  const single = await mir.client.post('/v1/events', owner.testKey, anEvent({ idempotencyKey: 'k' }));
  const batch = await mir.client.post('/v1/events', owner.testKey, { events: someEvents(3) });
  await mir.drained();
  const page = await mir.client.get('/v1/events?limit=1', owner.testKey);
  ids = {
    eventId: single.body.eventId,
    receiptId: single.body.receiptId,
    batchReceiptId: batch.body.receiptId,
    cursor: page.body.nextCursor,
  };
});
afterAll(() => mir.close());

/** Returns API keys of other tenants: one for the partner's other environment and two for another partner. */
const otherKeys = (): string[] => [owner.liveKey, foreign.testKey, foreign.liveKey];
/** Returns the status and the body without the request ID, which differs even between otherwise equal responses. */
const comparable = ({ status, body }: TestResponse): string => {
  const { requestId: _, ...others } = body;
  return JSON.stringify([status, others]);
};

describe('tenant isolation', () => {
  it('shows a tenant its own data', async () => {
    const { client } = mir;
    expect((await client.get(`/v1/events/${ids.eventId}`, owner.testKey)).status).toBe(200);
    expect((await client.get(`/v1/events/receipts/${ids.receiptId}`, owner.testKey)).body.status).toBe('DONE');
    expect((await client.get(`/v1/events?cursor=${ids.cursor}`, owner.testKey)).body.data).toHaveLength(3);
    const signals = await client.post('/v1/resolve', owner.testKey, { userExternalId: 'u-1' });
    expect(signals.body.eventCount).toBe(2);
  });

  it("returns the same 404 for another tenant's event as for a nonexistent event", async () => {
    for (const key of otherKeys()) {
      const found = await mir.client.get(`/v1/events/${ids.eventId}`, key);
      const missing = await mir.client.get('/v1/events/evt_test_kdoesnotexist', key);
      expectProblem(found, 404, 'NOT_FOUND');
      expect(comparable(found)).toBe(comparable(missing));
    }
  });

  it("returns the same 404 for another tenant's receipt as for a nonexistent receipt", async () => {
    for (const key of otherKeys()) {
      for (const receiptId of [ids.receiptId, ids.batchReceiptId]) {
        const found = await mir.client.get(`/v1/events/receipts/${receiptId}`, key);
        const missing = await mir.client.get('/v1/events/receipts/rcpt_test_nothing', key);
        expectProblem(found, 404, 'NOT_FOUND');
        expect(comparable(found)).toBe(comparable(missing));
      }
    }
  });

  it('returns 404 for a test receipt ID that was changed to a live receipt ID', async () => {
    const forged = ids.receiptId.replace('rcpt_test_', 'rcpt_live_');
    expectProblem(await mir.client.get(`/v1/events/receipts/${forged}`, owner.liveKey), 404, 'NOT_FOUND');
    expectProblem(await mir.client.get(`/v1/events/receipts/${forged}`, owner.testKey), 404, 'NOT_FOUND');
  });

  it("returns the same 422 for another tenant's cursor as for a forged cursor", async () => {
    for (const key of otherKeys()) {
      const found = await mir.client.get(`/v1/events?cursor=${ids.cursor}`, key);
      const forged = await mir.client.get('/v1/events?cursor=AAAA.BBBB', key);
      expectProblem(found, 422, 'VALIDATION_FAILED');
      expect(comparable(found)).toBe(comparable(forged));
    }
  });

  it("returns an empty list when the filter is another tenant's receipt", async () => {
    for (const key of otherKeys()) {
      for (const receiptId of [ids.receiptId, ids.batchReceiptId, 'rcpt_test_nothing']) {
        const page = await mir.client.get(`/v1/events?receiptId=${receiptId}`, key);
        expect([page.status, page.body]).toEqual([200, { data: [], nextCursor: null }]);
      }
    }
  });

  it("excludes one tenant's events from the lists and signals of all other tenants", async () => {
    for (const key of otherKeys()) {
      expect((await mir.client.get('/v1/events', key)).body).toEqual({ data: [], nextCursor: null });
      expect((await mir.client.get('/v1/events?userExternalId=u-1', key)).body.data).toEqual([]);
      const signals = await mir.client.post('/v1/resolve', key, { userExternalIds: ['u-0', 'u-1'] });
      expect(signals.body.results).toMatchObject([
        { tier: 0, eventCount: 0, partnerCount: 0 },
        { tier: 0, eventCount: 0, partnerCount: 0 },
      ]);
    }
  });

  it('gives the same user a different userRef in each tenant', async () => {
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

  it('does not hold back the live watermark while test events are queued', async () => {
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

  it('rejects a live key relabeled as a test key, and a test key that was never issued', async () => {
    const { liveKey, key } = await mir.partner();
    const relabeled = liveKey.replace('mir_live_', 'mir_test_');
    expectProblem(await mir.client.get('/v1/events', relabeled), 401, 'API_KEY_INVALID');
    const unissued = newApiKey('test', key.tag);
    expectProblem(await mir.client.get('/v1/events', unissued.key), 401, 'API_KEY_INVALID');
  });
});
