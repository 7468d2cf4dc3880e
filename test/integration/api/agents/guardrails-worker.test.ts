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

/** Queues a chunk without authorizing it, as if the API had a bug. Returns the chunk's part of the receipt. */
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
  await waitUntil('the chunk is finalized', async () => {
    [part] = await h.ctx.store.receipts.parts(tenant, [chunkId]);
    const open = await h.ctx.queueLink.client.zscore(h.ctx.keys.openChunks(tenant), chunkId);
    return part !== undefined && open === null;
  });
  return part!;
}

const countStored = ({ _id }: ReceiptPartDoc) => h.ctx.store.events.model.countDocuments({ chunkId: _id });
const createAgent = (parent?: TestAgent, type: 'AI_AGENT' | 'SERVICE_ACCOUNT' = 'AI_AGENT'): Promise<TestAgent> =>
  insertAgent(h.ctx.store, partner, { type }, parent);

/** Inserts a kill that took effect at `effectiveAt`, or a kill that is not yet in effect if `effectiveAt` is null. */
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

describe('event worker processing an agent’s chunk', () => {
  it('stores a chunk whose agent belongs to the tenant', async () => {
    const part = await queue(await createAgent());
    expect(part).toMatchObject({ total: 1, items: [] });
    expect(await countStored(part)).toBe(1);
  });

  it('marks an unknown agent’s events FAILED and turns the job into a dead letter', async () => {
    const part = await queue({ agentId: 'agt_live_none', tenant: tenantOf(partner.partnerId, 'live') });
    expect(part.items).toMatchObject([{ index: 0, ...FAILED }]);
    expect(await countStored(part)).toBe(0);
    await waitUntil('the job is a dead letter', async () => {
      const job = await h.ctx.queues.events.getJob(part._id);
      return (await job?.isFailed()) === true && job!.failedReason.startsWith('AGENT_NOT_ALLOWED: 1 of 1');
    });
  });

  it('marks events FAILED when their agent, even a cached one, belongs to another partner or environment', async () => {
    const own = await createAgent();
    await queue(own);
    const foreignTenant = tenantOf((await h.partner()).partnerId, 'live');
    for (const tenant of [foreignTenant, tenantOf(partner.partnerId, 'test')] as Tenant[]) {
      const part = await queue({ agentId: own.agentId, tenant });
      expect(part.items).toMatchObject([FAILED]);
      expect(await countStored(part)).toBe(0);
    }
    expect((await queue(own)).items).toEqual([]);
  });

  it('marks events FAILED when they were received after their agent or one of its ancestors was killed', async () => {
    const root = await createAgent();
    const middle = await createAgent(root);
    const leaf = await createAgent(middle);
    const effectiveAt = new Date();
    await kill(middle, effectiveAt);
    for (const receivedAtMs of [effectiveAt.getTime(), effectiveAt.getTime() + 1_000]) {
      for (const agent of [middle, leaf]) {
        const part = await queue(agent, { receivedAtMs });
        expect(part.items).toMatchObject([FAILED]);
        expect(await countStored(part)).toBe(0);
      }
    }
    expect((await queue(leaf, { receivedAtMs: effectiveAt.getTime() - 1 })).items).toEqual([]);
    expect((await queue(root, { receivedAtMs: effectiveAt.getTime() + 1_000 })).items).toEqual([]);
  });

  it('stores authorized events when a kill of their agent is recorded but not yet in effect', async () => {
    const own = await createAgent();
    await kill(own, null);
    expect((await queue(own)).items).toEqual([]);
  });

  it('stores events that were accepted before the agent’s permissions were narrowed', async () => {
    const own = await createAgent();
    await h.ctx.store.agents.model.updateOne({ _id: own.agentId }, { allowedEventTypes: ['mir.review.*'] });
    expect((await queue(own)).items).toEqual([]);
  });

  it('marks an AI agent’s events FAILED if they have no idempotency key, and stores the other events', async () => {
    const part = await queue(await createAgent(), { fingerprints: ['a', null, 'b', null] });
    expect(part.total).toBe(4);
    expect(part.items).toMatchObject([
      { index: 1, ...FAILED },
      { index: 3, ...FAILED },
    ]);
    expect(await countStored(part)).toBe(2);
  });

  it('stores a service account’s events without idempotency keys', async () => {
    const part = await queue(await createAgent(undefined, 'SERVICE_ACCOUNT'), { fingerprints: [null, null] });
    expect(part.items).toEqual([]);
    expect(await countStored(part)).toBe(2);
  });
});
