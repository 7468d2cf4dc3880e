import { beforeAll, expect, it } from '@jest/globals';
import type { Harness } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { formerId, formerStore, keyed, liveTenant } from '../../../support/former-store';
import { describeUpgradedApi } from './upgraded-api';

const former = formerStore();
const { countOf, receiptOf, storedIds, storeAsFormerVersion } = former;

let mir: Harness;
beforeAll(() => {
  mir = former.harness();
});

describeUpgradedApi(former, ({ isKeyed, client, post }) => {
  it('reports a repeat of a stored event as a DUPLICATE, whether a partner or an agent sends it, alone or in a batch', async () => {
    const partner = await mir.partner();
    const tenant = liveTenant(partner);
    const agent = await insertAgent(mir.ctx.store, partner);
    for (const [key, agentId] of [[partner.liveKey], [agent.apiKey, agent.agentId]] as const) {
      const event = keyed(`order-${agentId ?? 'own'}`, { weight: 2 });
      const eventId = await storeAsFormerVersion(tenant, event, agentId);
      const single = await post(key, event);
      const batch = await post(key, { events: [event, { ...event, idempotencyKey: `${event.idempotencyKey}-new` }] });
      const [first] = batch.body.eventIds;
      expect([single.body.eventId, first].map((id) => id === eventId)).toEqual([!isKeyed, !isKeyed]);
      for (const [sent, persisted] of [
        [single, 0],
        [batch, 1],
      ] as const) {
        // The receipt contains the ID under which the event is stored.
        expect(await receiptOf(partner, sent)).toMatchObject({
          status: 'DONE',
          persisted,
          duplicates: 1,
          items: [{ index: 0, eventId, outcome: 'DUPLICATE' }],
        });
      }
      expect((await client().get(`/v1/events/${eventId}`, partner.liveKey)).status).toBe(200);
    }
    expect(await countOf(partner)).toBe(4);
  });

  it("reports a CONFLICT when a stored event's key is reused with different content", async () => {
    const partner = await mir.partner();
    const tenant = liveTenant(partner);
    const agent = await insertAgent(mir.ctx.store, partner);
    for (const [key, agentId] of [[partner.liveKey], [agent.apiKey, agent.agentId]] as const) {
      const event = keyed(`order-${agentId ?? 'own'}`, { weight: 2 });
      const eventId = await storeAsFormerVersion(tenant, event, agentId);
      const sent = [
        await post(key, { ...event, weight: 3 }),
        await post(key, { events: [{ ...event, userExternalId: 'u-2' }] }),
      ];
      for (const response of sent) {
        expect(await receiptOf(partner, response)).toMatchObject({
          status: 'DONE_WITH_FAILURES',
          persisted: 0,
          conflicts: 1,
          items: [{ index: 0, eventId, outcome: 'CONFLICT' }],
        });
      }
    }
    expect(await countOf(partner)).toBe(2);
  });

  it('stores an event whose key another caller has used, and reports repeats of the event as DUPLICATE', async () => {
    const partner = await mir.partner();
    const tenant = liveTenant(partner);
    const [one, two] = [await insertAgent(mir.ctx.store, partner), await insertAgent(mir.ctx.store, partner)];
    const [partnerEvent, agentEvent] = [keyed('of-partner'), keyed('of-agent')];
    await storeAsFormerVersion(tenant, partnerEvent);
    await storeAsFormerVersion(tenant, agentEvent, one.agentId);
    const submissions = [
      [one.apiKey, partnerEvent],
      [two.apiKey, partnerEvent],
      [two.apiKey, agentEvent],
      [partner.liveKey, agentEvent],
    ] as const;
    for (const [key, event] of submissions) {
      expect(await receiptOf(partner, await post(key, event))).toMatchObject({ status: 'DONE', persisted: 1 });
      const repeat = await receiptOf(partner, await post(key, { events: [event] }));
      expect(repeat).toMatchObject({ status: 'DONE', persisted: 0, duplicates: 1 });
    }
    expect(await countOf(partner)).toBe(6);
  });

  it('returns the IDs under which it stores new events', async () => {
    const partner = await mir.partner();
    const event = keyed('new');
    const sent = await post(partner.liveKey, event);
    const batch = await post(partner.liveKey, { events: [keyed('new-2'), event] });
    expect(await receiptOf(partner, batch)).toMatchObject({ persisted: 1, duplicates: 1 });
    expect(batch.body.eventIds[1]).toBe(sent.body.eventId);
    expect(new Set(await storedIds(liveTenant(partner)))).toEqual(new Set(batch.body.eventIds));
    expect(sent.body.eventId === formerId(liveTenant(partner), event)).toBe(!isKeyed);
  });

  it("accepts an erased event's key for a new event", async () => {
    const partner = await mir.partner();
    await storeAsFormerVersion(liveTenant(partner), keyed('k'));
    const erased = await client().post('/v1/users/erase', partner.liveKey, { userExternalId: 'u-1' });
    expect(erased.status).toBe(202);
    expect(await receiptOf(partner, await post(partner.liveKey, keyed('k')))).toMatchObject({ persisted: 1 });
    expect(await countOf(partner)).toBe(1);
  });
});
