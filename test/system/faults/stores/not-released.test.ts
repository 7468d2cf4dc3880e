import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { storeUnavailable } from '../../../../shared/errors';
import { faultEnvironment } from '../../../support/fault-environment';
import { startSecondApi, statusWith } from '../../../support/partners';
import type { Harness } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { waitUntil } from '../../../support/wait-until';

/** Longer than a fence lasts (10 s). When a fence expires, rows cached from the old state are removed. */
const IN_FORCE_WITHIN_MS = 30_000;

const { closeAtEnd, ownRedis, serve } = faultEnvironment();
let mir: Harness;
let other: Awaited<ReturnType<typeof startSecondApi>>;
let agent: TestAgent;
let tag: string;
beforeAll(async () => {
  const { url } = await ownRedis();
  mir = await serve({ workers: false, env: { REDIS_URL: url } });
  other = await startSecondApi(mir);
  closeAtEnd(other);
});
beforeEach(async () => {
  const partner = await mir.partner();
  ({ tag } = partner.key);
  agent = await insertAgent(mir.ctx.store, partner);
});

/** Deletes the fences, as a failover may, and lets another process cache the state before the change. */
async function loseFencesAndCacheOldState(): Promise<void> {
  await other.ctx.queueLink.client.flushall();
  expect(await statusWith(other.client, agent.apiKey)).toBe(200);
}

async function suspendAgent(): Promise<void> {
  await mir.ctx.store.agents.model.updateOne({ _id: agent.agentId }, { $set: { status: 'SUSPENDED' } });
}

const isRejected = async (): Promise<boolean> => (await statusWith(other.client, agent.apiKey)) === 403;

describe('a change whose fence is not removed', () => {
  it('enforces a committed change once Redis responds again', async () => {
    const changed = mir.ctx.authorizer.withInvalidation(tag, { nodes: [agent.agentId] }, async () => {
      await loseFencesAndCacheOldState();
      await suspendAgent();
      mir.ctx.queueLink.client.disconnect(true);
    });
    await expect(changed).rejects.toMatchObject({ code: 'OVERLOADED' });
    await waitUntil('the change is in force', isRejected);
  }, 60_000);

  it('enforces a change that commits late, even if another process has cached the old state', async () => {
    const changed = mir.ctx.authorizer.withInvalidation(tag, { nodes: [agent.agentId] }, async () => {
      await loseFencesAndCacheOldState();
      throw storeUnavailable();
    });
    await expect(changed).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await isRejected()).toBe(false);
    await suspendAgent();
    await waitUntil('the change is in force', isRejected, IN_FORCE_WITHIN_MS);
  }, 60_000);
});
