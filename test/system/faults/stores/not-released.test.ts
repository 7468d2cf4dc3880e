import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { storeUnavailable } from '../../../../shared/errors';
import { startSecondApi, statusWith } from '../../../support/partners';
import { type Harness, startHarness } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { ownStores } from '../../../support/own-stores';
import { waitUntil } from '../../../support/wait-until';

/** Longer than marks stand, with time to spare. */
const VOIDED_WITHIN_MS = 30_000;

let mir: Harness;
let other: Awaited<ReturnType<typeof startSecondApi>>;
let agent: TestAgent;
let tag: string;
// First of all ends, before the stores.
afterAll(async () => {
  await other.close();
  await mir.close();
});
const { ownRedis } = ownStores();
beforeAll(async () => {
  const { url } = await ownRedis();
  mir = await startHarness({ workers: false, env: { REDIS_URL: url } });
  other = await startSecondApi(mir);
});
beforeEach(async () => {
  const partner = await mir.partner();
  ({ tag } = partner.key);
  agent = await insertAgent(mir.ctx.store, partner);
});

/** The queue store forgets the marks, as at a failover, and another process reads the state before the change. */
async function loseMarksAndReadOldState(): Promise<void> {
  await other.ctx.queueLink.client.flushall();
  expect(await statusWith(other.client, agent.apiKey)).toBe(200);
}

async function suspendInStore(): Promise<void> {
  await mir.ctx.store.agents.model.updateOne({ _id: agent.agentId }, { $set: { status: 'SUSPENDED' } });
}

const isRejected = async (): Promise<boolean> => (await statusWith(other.client, agent.apiKey)) === 403;

describe('a fence that is not removed', () => {
  it('a change that is stored, and whose end the queue store did not hear, is in force once that answers again', async () => {
    const changed = mir.ctx.authorizer.withInvalidation(tag, { nodes: [agent.agentId] }, async () => {
      await loseMarksAndReadOldState();
      await suspendInStore();
      mir.ctx.queueLink.client.disconnect(true);
    });
    await expect(changed).rejects.toMatchObject({ code: 'OVERLOADED' });
    await waitUntil('the change is in force', isRejected);
  }, 60_000);

  it('a change whose outcome nobody knew is in force soon after it comes, also where the old state was read meanwhile', async () => {
    const changed = mir.ctx.authorizer.withInvalidation(tag, { nodes: [agent.agentId] }, async () => {
      await loseMarksAndReadOldState();
      throw storeUnavailable();
    });
    await expect(changed).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await isRejected()).toBe(false);
    await suspendInStore();
    await waitUntil('the change is in force', isRejected, VOIDED_WITHIN_MS);
  }, 60_000);
});
