import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Tenant, tenantOf } from '../../../../shared/domain/ids';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';

const EMAIL = 'ada@shop.example';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());

const post = (key: string, body: unknown): Promise<TestResponse> => mir.client.post('/v1/events', key, body);
const receiptOf = async (key: string, sent: TestResponse): Promise<TestResponse['body']> => {
  await mir.drained();
  return (await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, key)).body;
};
const liveTenant = ({ partnerId }: TestPartner): Tenant => tenantOf(partnerId, 'live');

/** Returns prefixes of every digest that an attacker could compute from these values without the pepper. */
function guesses(values: string[]): string[] {
  const texts = values.flatMap((one) => [one, ...values.flatMap((two) => [`${one}|${two}`, `${one}||${two}`])]);
  return texts.map((text) => hash('sha256', text, 'base64url').slice(0, 20));
}

describe('event IDs', () => {
  it('derives event IDs that do not reveal idempotency keys to anyone without the pepper', async () => {
    const partner = await mir.partner();
    const agent = await insertAgent(mir.ctx.store, partner);
    const queue = mir.ctx.queues.events;
    await queue.pause();
    await post(partner.liveKey, anEvent({ idempotencyKey: EMAIL }));
    await post(agent.apiKey, { events: [anEvent({ idempotencyKey: EMAIL })] });
    const queued = JSON.stringify(await queue.getJobs());
    await queue.resume();
    await mir.drained();
    const stored = JSON.stringify(await mir.ctx.store.events.model.find({ tenant: liveTenant(partner) }).lean());
    expect([queued, stored].map((text) => text.match(/evt_live_/g)?.length)).toEqual([2, 2]);
    for (const guess of guesses([liveTenant(partner), partner.partnerId, agent.agentId, EMAIL])) {
      expect([queued.includes(guess), stored.includes(guess)]).toEqual([false, false]);
    }
  });

  it('derives different event IDs from the same key in installations with different peppers', async () => {
    const other = await startHarness({
      workers: false,
      env: { SUBJECT_PEPPER: 'another-pepper-0123456789abcdef012345' },
    });
    try {
      const partner = await mir.partner();
      await other.partner((await mir.ctx.store.partners.model.findById(partner.partnerId).lean())!);
      const event = anEvent({ idempotencyKey: 'k' });
      const here = await post(partner.liveKey, event);
      const there = await other.client.post('/v1/events', partner.liveKey, event);
      expect([here.status, there.status]).toEqual([202, 202]);
      expect(there.body.eventId).not.toBe(here.body.eventId);
    } finally {
      await other.close();
    }
  });

  it('keeps the idempotency keys of a partner and each of its agents separate', async () => {
    const partner = await mir.partner();
    const [one, two] = [await insertAgent(mir.ctx.store, partner), await insertAgent(mir.ctx.store, partner)];
    const senders = [one.apiKey, two.apiKey, partner.liveKey];
    const event = (weight: number) => anEvent({ idempotencyKey: 'order-1', weight });
    const sent: TestResponse[] = [];
    for (const [n, key] of senders.entries()) sent.push(await post(key, event(n)));
    expect(sent.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(new Set(sent.map(({ body }) => body.eventId)).size).toBe(3);
    for (const [n, key] of senders.entries()) {
      expect(await receiptOf(partner.liveKey, sent[n]!)).toMatchObject({ status: 'DONE', persisted: 1 });
      // A repeat has the ID of the original event, whether sent alone or in a batch.
      const repeat = await post(key, event(n));
      const batch = await post(key, { events: [event(n)] });
      expect([repeat.body.eventId, batch.body.eventIds[0]]).toEqual([sent[n]!.body.eventId, sent[n]!.body.eventId]);
      for (const response of [repeat, batch]) {
        expect(await receiptOf(partner.liveKey, response)).toMatchObject({
          status: 'DONE',
          persisted: 0,
          duplicates: 1,
        });
      }
    }
    const { body } = await mir.client.get('/v1/events', partner.liveKey);
    expect(
      body.data.map(({ agentId, weight }: { agentId: string | null; weight: number }) => [agentId, weight]),
    ).toEqual(
      expect.arrayContaining([
        [one.agentId, 0],
        [two.agentId, 1],
        [null, 2],
      ]),
    );
    expect(body.data).toHaveLength(3);
  });

  it('stores all events when a partner and its agents use the same keys in one commit group', async () => {
    const partner = await mir.partner();
    const agents = [await insertAgent(mir.ctx.store, partner), await insertAgent(mir.ctx.store, partner)];
    const senders = [partner.liveKey, ...agents.map(({ apiKey }) => apiKey)];
    const events = Array.from({ length: 50 }, (_, n) => anEvent({ idempotencyKey: `k-${n}` }));
    await mir.ctx.queues.events.pause();
    const sent = await Promise.all(senders.map((key) => post(key, { events })));
    await mir.ctx.queues.events.resume();
    for (const response of sent) {
      expect(await receiptOf(partner.liveKey, response)).toMatchObject({ status: 'DONE', persisted: 50 });
    }
    const { body } = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'u-1' });
    expect(body.eventCount).toBe(150);
  });
});
