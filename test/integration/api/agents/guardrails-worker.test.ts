import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AcceptedEvent } from '../../../../shared/domain/event';
import { newChunkId, newId, type Tenant, tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { serverEventId } from '../../../../shared/domain/event-id';
import type { EventChunk } from '../../../../shared/queue/event-chunk';
import type { ReceiptPartDoc } from '../../../../shared/store/receipts';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { waitUntil } from '../../../support/wait-until';
import { rawCollection } from '../../../support/raw-collection';

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await sharedHarness();
  partner = await h.partner();
});
afterAll(() => h.close());

/** Queues a chunk without authorization, as only a bug could, and waits for its part of a receipt. */
async function queue(
  { agentId, tenant }: Pick<TestAgent, 'agentId' | 'tenant'>,
  { receivedAtMs = Date.now(), fingerprints = ['f'] }: { receivedAtMs?: number; fingerprints?: (string | null)[] } = {},
): Promise<ReceiptPartDoc> {
  const chunkId = newChunkId(Date.now());
  const events = fingerprints.map((fingerprint, index): AcceptedEvent => ({
    index,
    eventId: serverEventId(tenant, chunkId, index),
    userRef: `u_${chunkId}` as UserRef,
    eventType: 'mir.transaction.completed',
    occurredAtMs: null,
    weight: null,
    metadata: null,
    fingerprint,
  }));
  const chunk: EventChunk = { chunkId, tenant, agentId, receivedAtMs, requestIds: ['r'], shared: false, events };
  await h.ctx.queueLink.client.zadd(h.ctx.keys.openChunks(tenant), receivedAtMs, chunkId);
  await h.ctx.eventQueue.add([chunk], { openChunks: 0, sentBytes: 100, authorizedAt: performance.now() });
  let part: ReceiptPartDoc | undefined;
  await waitUntil('the chunk is settled', async () => {
    [part] = await h.ctx.store.receipts.parts(tenant, [chunkId]);
    const open = await h.ctx.queueLink.client.zscore(h.ctx.keys.openChunks(tenant), chunkId);
    return part !== undefined && open === null;
  });
  return part!;
}

const storedOf = ({ _id }: ReceiptPartDoc) => h.ctx.store.events.model.countDocuments({ chunkId: _id });
const agent = (parent?: TestAgent, type: 'AI_AGENT' | 'SERVICE_ACCOUNT' = 'AI_AGENT'): Promise<TestAgent> =>
  insertAgent(h.ctx.store, partner, { type }, parent);

/** A kill that is in force since a time (null: written, but not confirmed in force). */
async function kill({ agentId, tenant }: TestAgent, effectiveAt: Date | null): Promise<void> {
  await rawCollection(h.ctx.store.cascades.model).insertOne({
    _id: newId('csc'),
    tenant,
    agentId,
    status: 'CLOSED',
    effectiveAt,
    revoked: 1,
    createdAt: new Date(),
    closedAt: new Date(),
  });
}

const FAILED = { outcome: 'FAILED', code: 'AGENT_NOT_ALLOWED' };

describe('a chunk that names an agent', () => {
  it('is stored when the agent is the tenant’s', async () => {
    const part = await queue(await agent());
    expect(part).toMatchObject({ total: 1, items: [] });
    expect(await storedOf(part)).toBe(1);
  });

  it('is FAILED, and kept among the dead letters, when there is no such agent', async () => {
    const part = await queue({ agentId: 'agt_live_none', tenant: tenantOf(partner.partnerId, 'live') });
    expect(part.items).toMatchObject([{ index: 0, ...FAILED }]);
    expect(await storedOf(part)).toBe(0);
    await waitUntil('it is a dead letter', async () => {
      const job = await h.ctx.queues.events.getJob(part._id);
      return (await job?.isFailed()) === true && job!.failedReason.startsWith('AGENT_NOT_ALLOWED: 1 of 1');
    });
  });

  it('is FAILED when the agent is of another partner or environment, also when that one was seen before', async () => {
    const own = await agent();
    await queue(own);
    const foreign = tenantOf((await h.partner()).partnerId, 'live');
    for (const tenant of [foreign, tenantOf(partner.partnerId, 'test')] as Tenant[]) {
      const part = await queue({ agentId: own.agentId, tenant });
      expect(part.items).toMatchObject([FAILED]);
      expect(await storedOf(part)).toBe(0);
    }
    expect((await queue(own)).items).toEqual([]);
  });

  it('is FAILED when it was received while a kill of the agent, or of one above it, was in force', async () => {
    const root = await agent();
    const middle = await agent(root);
    const leaf = await agent(middle);
    const effectiveAt = new Date();
    await kill(middle, effectiveAt);
    for (const receivedAtMs of [effectiveAt.getTime(), effectiveAt.getTime() + 1_000]) {
      for (const one of [middle, leaf]) {
        const part = await queue(one, { receivedAtMs });
        expect(part.items).toMatchObject([FAILED]);
        expect(await storedOf(part)).toBe(0);
      }
    }
    expect((await queue(leaf, { receivedAtMs: effectiveAt.getTime() - 1 })).items).toEqual([]);
    expect((await queue(root, { receivedAtMs: effectiveAt.getTime() + 1_000 })).items).toEqual([]);
  });

  it('is stored when a kill is written but not in force: what was authorized counts', async () => {
    const own = await agent();
    await kill(own, null);
    expect((await queue(own)).items).toEqual([]);
  });

  it('is stored when rights were narrowed after it was accepted', async () => {
    const own = await agent();
    await h.ctx.store.agents.model.updateOne({ _id: own.agentId }, { allowedEventTypes: ['mir.review.*'] });
    expect((await queue(own)).items).toEqual([]);
  });

  it('has the events without key FAILED and the others stored when an AI agent sent it', async () => {
    const part = await queue(await agent(), { fingerprints: ['a', null, 'b', null] });
    expect(part.total).toBe(4);
    expect(part.items).toMatchObject([
      { index: 1, ...FAILED },
      { index: 3, ...FAILED },
    ]);
    expect(await storedOf(part)).toBe(2);
  });

  it('needs no keys when a service account sent it', async () => {
    const part = await queue(await agent(undefined, 'SERVICE_ACCOUNT'), { fingerprints: [null, null] });
    expect(part.items).toEqual([]);
    expect(await storedOf(part)).toBe(2);
  });
});
