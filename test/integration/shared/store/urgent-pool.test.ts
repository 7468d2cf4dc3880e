import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AgentDoc } from '../../../../shared/store/agents';
import { connectStore } from '../../../../shared/store/connect';
import { createStore, type Store } from '../../../../shared/store/store';
import { serializeByKey } from '../../../../shared/locks/serialize-by-key';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { rawCollection } from '../../../support/raw-collection';
import { testStores } from '../../../support/test-stores';
import { waitUntil } from '../../../support/wait-until';

const POOL_SIZE = 2;

let mir: Harness;
let partner: TestPartner;
let other: Store;
let root: AgentDoc;
beforeAll(async () => {
  const url = new URL(testStores().mongoUrl);
  url.searchParams.set('maxPoolSize', String(POOL_SIZE));
  mir = await startHarness({ workers: false, env: { MONGO_URL: url.href } });
  partner = await mir.partner();
  root = (await insertAgent(mir.ctx.store, partner, { preset: 'ADMIN', type: 'SERVICE_ACCOUNT' })).doc;
  other = createStore(await connectStore(mir.env['MONGO_URL']!));
  await rawCollection(mir.ctx.store.applications.model).insertOne({ _id: 'locked' });
  // Caches the key, so that the requests below reach their own queries.
  expect((await mir.client.get('/v1/events', partner.liveKey)).status).toBe(200);
});
afterAll(async () => {
  await other.close();
  await mir.close();
});

const kill = (agentId: string) => mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, partner.liveKey, {});

/** Runs `work` while every connection of the API's main pool waits for a lock. */
async function withoutMainPool(work: () => Promise<void>): Promise<void> {
  const touch = { $set: { touched: true } };
  const { session } = await other.openSession();
  session.startTransaction();
  await rawCollection(other.applications.model).updateOne({ _id: 'locked' }, touch, { session });
  const main = rawCollection(mir.ctx.store.applications.model);
  const blocked = Array.from({ length: POOL_SIZE }, () => main.updateOne({ _id: 'locked' }, touch));
  try {
    await work();
  } finally {
    await session.abortTransaction();
    await session.endSession();
    await Promise.all(blocked);
  }
}

describe('the connection pool for urgent operations', () => {
  it('serves kills, first authorizations and uncached signals while the main pool is exhausted', async () => {
    const { partnerId, liveKey } = await mir.partner();
    let isListed = false;
    const lists: Promise<TestResponse>[] = [];
    await withoutMainPool(async () => {
      lists.push(mir.client.get('/v1/events', partner.liveKey).finally(() => (isListed = true)));
      await waitUntil('the list waits for a connection', async () => {
        const [waiting] = (await mir.ctx.metrics.mongoPoolWaiting.get()).values;
        return (waiting?.value ?? 0) > 0;
      });
      const miss = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'unknown' });
      expect([miss.status, miss.headers.get('x-signals-source')]).toEqual([200, 'store']);
      const newKey = await mir.client.post('/v1/resolve', liveKey, { userExternalId: `first of ${partnerId}` });
      expect(newKey.status).toBe(200);
      expect((await kill(root._id)).status).toBe(202);
      expect(isListed).toBe(false);
    });
    expect(await Promise.all(lists)).toMatchObject([{ status: 200 }]);
  });

  it('does not let a kill wait for a change to the same tree that does not end', async () => {
    const { doc } = await insertAgent(mir.ctx.store, partner, { preset: 'ADMIN', type: 'SERVICE_ACCOUNT' });
    let end = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      const stuck = (): Promise<void> => {
        resolve();
        return new Promise((done) => (end = done));
      };
      void serializeByKey(mir.ctx, doc.rootId, stuck);
    });
    await started;
    expect((await kill(doc._id)).status).toBe(202);
    // The change that the kill overtook still holds its turn, so the next one waits for it.
    let isNext = false;
    const next = serializeByKey(mir.ctx, doc.rootId, () => Promise.resolve((isNext = true)));
    expect((await kill(doc._id)).status).toBe(202);
    expect(isNext).toBe(false);
    end();
    expect(await next).toBe(true);
  });
});
