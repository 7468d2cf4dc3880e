import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../support/builders';
import type { Harness } from '../../support/harness';
import { sharedHarness } from '../../support/shared-harness';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness();
});
afterAll(() => mir.close());

describe('the flow from POST /events to POST /resolve', () => {
  it('adds a submitted event to the cached signals and sets its receipt to DONE', async () => {
    const { liveKey } = await mir.partner();
    const sent = await mir.client.post('/v1/events', liveKey, anEvent());
    expect(sent).toMatchObject({ status: 202, body: { status: 'ACCEPTED' } });
    await mir.drained();
    const signals = await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u-1' });
    expect(signals.headers.get('x-signals-source')).toBe('cache');
    expect(signals.body).toMatchObject({ tier: 1, eventCount: 1, partnerCount: 1, linked: false });
    const receipt = await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, liveKey);
    expect(receipt.body).toMatchObject({ status: 'DONE', accepted: 1, persisted: 1 });
  });
});
