import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { redisNowMs } from '../../../../shared/redis/clock';
import { scripts } from '../../../../shared/redis/scripts';
import { anEvent } from '../../../support/builders';
import { eventJobsOf } from '../../../support/event-jobs';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { succeeds, waitUntil } from '../../../support/wait-until';

const HOUR_MS = 3_600_000;
/** Short, so that the test does not take long. */
const FENCE_MS = 500;
/** Time that a test may take. */
const SLACK_MS = 10_000;

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
});

const serverNowMs = (): Promise<number> => redisNowMs(mir.ctx.queueLink.primaryOf(mir.ctx.keys.clock(partner.key.tag)));
/** Stores the partner's clock as it was when the server's clock showed `serverMs`. */
const setClock = (nowMs: number, serverMs: number): Promise<unknown> =>
  mir.ctx.queueLink.client.set(mir.ctx.keys.clock(partner.key.tag), `${nowMs} ${serverMs}`);
/** Sets the partner's clock as if the server's clock had stepped back by an hour since. Returns the clock's time. */
const stepBack = async (): Promise<number> => {
  const nowMs = (await serverNowMs()) + HOUR_MS;
  await setClock(nowMs, nowMs);
  return nowMs;
};
const read = async (): Promise<{ nowMs: number; watermarkMs: number }> => {
  const { nowMs, watermarkMs } = await mir.ctx.authorizer.authorize(partner.key, 'requests', null, []);
  return { nowMs: nowMs!, watermarkMs: watermarkMs! };
};

describe("a partner's clock", () => {
  it("shows the server's time", async () => {
    const before = await serverNowMs();
    const { nowMs } = await read();
    expect(nowMs).toBeGreaterThanOrEqual(before);
    expect(nowMs).toBeLessThanOrEqual(await serverNowMs());
    await setClock(before - HOUR_MS, before - HOUR_MS);
    expect((await read()).nowMs).toBeGreaterThanOrEqual(nowMs);
    expect((await read()).nowMs).toBeLessThanOrEqual(await serverNowMs());
  });

  it("never goes back, but keeps running, after the server's clock has stepped back", async () => {
    const lastMs = await stepBack();
    const first = await read();
    expect(first.nowMs).toBeGreaterThanOrEqual(lastMs);
    expect(first.nowMs).toBeLessThan(lastMs + SLACK_MS);
    expect(first.watermarkMs).toBe(first.nowMs);
    await waitUntil('the clock has advanced', async () => (await read()).nowMs > first.nowMs + 50);
  });

  it("runs at half speed, and at most a second per call, until the server's clock has caught up", async () => {
    const serverMs = await serverNowMs();
    const aheadMs = serverMs + HOUR_MS;
    await setClock(aheadMs, serverMs - SLACK_MS);
    expect((await read()).nowMs).toBe(aheadMs + 1_000);
    await setClock(aheadMs, (await serverNowMs()) - 1_000);
    const leadMs = (await read()).nowMs - aheadMs;
    expect(leadMs).toBeGreaterThanOrEqual(500);
    expect(leadMs).toBeLessThanOrEqual(1_000);
    // A clock that is ahead by an hour less a millisecond has caught up after two hours.
    await setClock(serverMs - HOUR_MS - 1, serverMs - 2 * HOUR_MS);
    expect((await read()).nowMs).toBeLessThanOrEqual(await serverNowMs());
  });

  it("does not run ahead after the server's clock has stepped back and forward again", async () => {
    const serverMs = await serverNowMs();
    await setClock(serverMs - SLACK_MS, serverMs - HOUR_MS);
    const { nowMs } = await read();
    expect(nowMs).toBeGreaterThanOrEqual(serverMs);
    expect(nowMs).toBeLessThanOrEqual(await serverNowMs());
  });

  it('assigns times in order, so a kill does not cover events that were accepted before it', async () => {
    const { apiKey, agentId } = await insertAgent(mir.ctx.store, partner);
    const queue = eventJobsOf(mir.ctx);
    await stepBack();
    await queue.pause();
    try {
      const sent = await mir.client.post('/v1/events', apiKey, anEvent({ idempotencyKey: 'k' }));
      expect(sent.status).toBe(202);
      const killed = await mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, partner.liveKey, {});
      expect(killed.status).toBe(202);
      expect(Date.parse(killed.body.effectiveAt)).toBeGreaterThan(Date.parse(sent.body.receivedAt));
      await queue.resume();
      await mir.drained();
      const { body } = await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, partner.liveKey);
      expect(body).toMatchObject({ persisted: 1, failed: 0 });
    } finally {
      await queue.resume();
    }
  });

  it("does not let a dead process's fence block callers for as long as the step", async () => {
    const { client } = mir.ctx.queueLink;
    const row = mir.ctx.keys.node(partner.key.tag, partner.partnerId);
    expect((await read()).nowMs).toBeGreaterThan(0);
    const fence: [string, number, string] = [mir.ctx.queueLink.epoch()!, FENCE_MS, 'dead'];
    await scripts.fenceAuthority(client, [row, mir.ctx.keys.nodeLease(partner.key.tag, partner.partnerId)], fence);
    await client.pexpire(row, HOUR_MS);
    await waitUntil('a caller is admitted', () => succeeds(read()));
  });

  it("does not keep a budget exhausted after the server's clock has stepped back", async () => {
    const { partnerId, liveKey, key } = await mir.partner({ limits: { eventsPerMinute: 1, requestsPerMinute: 100 } });
    expect((await mir.client.post('/v1/events', liveKey, anEvent())).status).toBe(202);
    expect((await mir.client.post('/v1/events', liveKey, anEvent())).status).toBe(429);
    const budget = mir.ctx.keys.budget(key.tag, 'live', 'events') + partnerId;
    await mir.ctx.queueLink.client.set(budget, `0.000 ${(await serverNowMs()) + HOUR_MS}`);
    expect((await mir.client.post('/v1/events', liveKey, anEvent())).status).toBe(202);
    expect((await mir.client.post('/v1/events', liveKey, anEvent())).status).toBe(429);
  });
});
