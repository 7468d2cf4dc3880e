import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestAnswer } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import type { ServedApi } from '../../../support/serve-api';
import { formerId, formerStore, keyed, liveTenant, PHASES } from '../../../support/former-store';

const former = formerStore();
const { countOf, receiptOf, serveUpgraded, storedIds, storeFormerly } = former;

describe.each(PHASES)('on a store of the previous version, %s', (_when, keyedIdsFrom) => {
  const isKeyed = keyedIdsFrom !== null;
  let mir: Harness;
  let api: ServedApi;
  beforeAll(async () => {
    mir = former.harness();
    api = await serveUpgraded(keyedIdsFrom);
  });
  afterAll(() => api.close());
  const post = (key: string, body: unknown): Promise<TestAnswer> => api.client.post('/v1/events', key, body);

  it('recognizes a repeat of a stored event, alone and in a batch, of the partner and of an agent', async () => {
    const partner = await mir.partner();
    const tenant = liveTenant(partner);
    const agent = await insertAgent(mir.ctx.store, partner);
    for (const [key, agentId] of [[partner.liveKey], [agent.apiKey, agent.agentId]] as const) {
      const event = keyed(`order-${agentId ?? 'own'}`, { weight: 2 });
      const eventId = await storeFormerly(tenant, event, agentId);
      const single = await post(key, event);
      const batch = await post(key, { events: [event, { ...event, idempotencyKey: `${event.idempotencyKey}-new` }] });
      const [first] = batch.body.eventIds;
      expect([single.body.eventId, first].map((id) => id === eventId)).toEqual([!isKeyed, !isKeyed]);
      for (const [sent, persisted] of [
        [single, 0],
        [batch, 1],
      ] as const) {
        // The receipt names the stored event, which can be read under that id.
        expect(await receiptOf(partner, sent)).toMatchObject({
          status: 'DONE',
          persisted,
          duplicates: 1,
          items: [{ index: 0, eventId, outcome: 'DUPLICATE' }],
        });
      }
      expect((await api.client.get(`/v1/events/${eventId}`, partner.liveKey)).status).toBe(200);
    }
    expect(await countOf(partner)).toBe(4);
  });

  it('finds a CONFLICT when a key of a stored event comes with other content', async () => {
    const partner = await mir.partner();
    const tenant = liveTenant(partner);
    const agent = await insertAgent(mir.ctx.store, partner);
    for (const [key, agentId] of [[partner.liveKey], [agent.apiKey, agent.agentId]] as const) {
      const event = keyed(`order-${agentId ?? 'own'}`, { weight: 2 });
      const eventId = await storeFormerly(tenant, event, agentId);
      const sent = [
        await post(key, { ...event, weight: 3 }),
        await post(key, { events: [{ ...event, userExternalId: 'u-2' }] }),
      ];
      for (const answer of sent) {
        expect(await receiptOf(partner, answer)).toMatchObject({
          status: 'DONE_WITH_FAILURES',
          persisted: 0,
          conflicts: 1,
          items: [{ index: 0, eventId, outcome: 'CONFLICT' }],
        });
      }
    }
    expect(await countOf(partner)).toBe(2);
  });

  it('stores an event whose key another caller used before, whoever came first, and recognizes its repeats', async () => {
    const partner = await mir.partner();
    const tenant = liveTenant(partner);
    const [one, two] = [await insertAgent(mir.ctx.store, partner), await insertAgent(mir.ctx.store, partner)];
    const [ofPartner, ofAgent] = [keyed('of-partner'), keyed('of-agent')];
    await storeFormerly(tenant, ofPartner);
    await storeFormerly(tenant, ofAgent, one.agentId);
    const sends = [
      [one.apiKey, ofPartner],
      [two.apiKey, ofPartner],
      [two.apiKey, ofAgent],
      [partner.liveKey, ofAgent],
    ] as const;
    for (const [key, event] of sends) {
      expect(await receiptOf(partner, await post(key, event))).toMatchObject({ status: 'DONE', persisted: 1 });
      const again = await receiptOf(partner, await post(key, { events: [event] }));
      expect(again).toMatchObject({ status: 'DONE', persisted: 0, duplicates: 1 });
    }
    expect(await countOf(partner)).toBe(6);
  });

  it('returns ids under which new events can be read', async () => {
    const partner = await mir.partner();
    const event = keyed('new');
    const sent = await post(partner.liveKey, event);
    const batch = await post(partner.liveKey, { events: [keyed('new-2'), event] });
    expect(await receiptOf(partner, batch)).toMatchObject({ persisted: 1, duplicates: 1 });
    expect(batch.body.eventIds[1]).toBe(sent.body.eventId);
    expect(new Set(await storedIds(liveTenant(partner)))).toEqual(new Set(batch.body.eventIds));
    expect(sent.body.eventId === formerId(liveTenant(partner), event)).toBe(!isKeyed);
  });

  it('frees the key of an erased event', async () => {
    const partner = await mir.partner();
    await storeFormerly(liveTenant(partner), keyed('k'));
    const erased = await api.client.post('/v1/users/erase', partner.liveKey, { userExternalId: 'u-1' });
    expect(erased.status).toBe(202);
    expect(await receiptOf(partner, await post(partner.liveKey, keyed('k')))).toMatchObject({ persisted: 1 });
    expect(await countOf(partner)).toBe(1);
  });
});
