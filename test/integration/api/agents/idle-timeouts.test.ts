import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditOf, register } from '../../../support/agents';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { type LifetimeSteps, lifetimeSteps } from './lifetime-steps';

const HOUR_MS = 3_600_000;

let h: Harness;
let steps: LifetimeSteps;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  steps = lifetimeSteps(h);
});
afterAll(() => h.close());

const patch = (id: string, body: unknown, key: string) => h.client.request('PATCH', `/v1/agents/${id}`, { key, body });

describe('the idle timeout', () => {
  const SECOND_MS = 1_000;

  it('expires an agent that makes no requests, but not one in use', async () => {
    const own = await steps.clockedPartner();
    const [busy, idle] = [
      await register(h.client, own.liveKey, { idleTimeoutSeconds: 100 }),
      await register(h.client, own.liveKey, { idleTimeoutSeconds: 100 }),
    ];
    expect([await steps.codeWith(busy), await steps.codeWith(idle)]).toEqual([200, 200]);
    for (let rounds = 0; rounds < 4; rounds += 1) {
      await steps.advance(own, 90 * SECOND_MS);
      expect(await steps.codeWith(busy)).toBe(200);
    }
    expect(await steps.codeWith(idle)).toBe('AGENT_EXPIRED');
    await steps.advance(own, 100 * SECOND_MS);
    expect(await steps.codeWith(busy)).toBe('AGENT_EXPIRED');
  });

  it('of an ancestor applies to each descendant, whose activity keeps the ancestors alive', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey, { idleTimeoutSeconds: 100 });
    const middle = await steps.childOf(root, { idleTimeoutSeconds: 1_000 });
    const [busy, idle] = [await steps.childOf(middle), await steps.childOf(middle)];
    for (let rounds = 0; rounds < 4; rounds += 1) {
      await steps.advance(own, 90 * SECOND_MS);
      expect(await steps.codeWith(busy)).toBe(200);
    }
    expect([await steps.codeWith(idle), await steps.codeWith(middle), await steps.codeWith(root)]).toEqual([
      'AGENT_EXPIRED',
      200,
      200,
    ]);
    await steps.sweep(new Date(Date.now() + HOUR_MS));
    const docs = await h.ctx.store.agents.byIds([root.id, middle.id, busy.id, idle.id]);
    expect(docs.map(({ status }) => status)).toEqual(['ACTIVE', 'ACTIVE', 'ACTIVE', 'EXPIRED']);
    expect((await auditOf(h.ctx, idle.id)).at(-1)!.after).toMatchObject({ cause: 'IDLE_TIMEOUT' });
  });

  it('does not expire agents in use when Redis loses its data', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey, { idleTimeoutSeconds: 100 });
    const [busy, idle] = [await steps.childOf(root), await steps.childOf(root)];
    for (let rounds = 0; rounds < 3; rounds += 1) {
      await steps.advance(own, 90 * SECOND_MS);
      expect(await steps.codeWith(busy)).toBe(200);
      await steps.loseRows(own, [root, busy, idle]);
    }
    await steps.sweep(new Date(Date.now() + HOUR_MS));
    expect([await steps.codeWith(busy), await steps.codeWith(root), await steps.codeWith(idle)]).toEqual([
      200,
      200,
      'AGENT_EXPIRED',
    ]);
  });

  it('does not expire agents in use whose activity is not stored yet', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey, { idleTimeoutSeconds: 100 });
    await steps.advance(own, 90 * SECOND_MS);
    expect(await steps.codeWith(root)).toBe(200);
    await h.ctx.activity.flush();
    // As if the activity had not been stored during an outage of MongoDB.
    const longAgo = new Date(Date.now() - HOUR_MS);
    const old = { lastActivityAt: longAgo, createdAt: longAgo, updatedAt: longAgo };
    await h.ctx.store.agents.model.updateOne({ _id: root.id }, old);
    await h.ctx.queueLink.client.del(h.ctx.keys.node(own.key.tag, root.id));
    await steps.sweep(new Date(Date.now() + HOUR_MS));
    expect(await steps.codeWith(root)).toBe(200);
  });

  it('applies to idle descendants at once when it is shortened', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey);
    const child = await steps.childOf(root);
    expect([await steps.codeWith(root), await steps.codeWith(child)]).toEqual([200, 200]);
    await h.ctx.activity.flush();
    await steps.advance(own, HOUR_MS);
    expect(await steps.codeWith(child)).toBe(200);
    await h.ctx.activity.flush();
    await steps.advance(own, HOUR_MS);
    await patch(root.id, { idleTimeoutSeconds: 7_200 }, own.liveKey);
    expect(await steps.codeWith(child)).toBe(200);
    await h.ctx.activity.flush();
    await steps.advance(own, HOUR_MS / 2);
    await patch(root.id, { idleTimeoutSeconds: 600 }, own.liveKey);
    expect(await steps.codeWith(child)).toBe('AGENT_EXPIRED');
    await steps.sweep();
    await steps.sweep();
    expect((await h.ctx.store.agents.byIds([child.id]))[0]).toMatchObject({ status: 'EXPIRED', key: null });
  });
});
