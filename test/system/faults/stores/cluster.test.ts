import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfig } from '../../../../shared/config/config';
import { parseApiKey } from '../../../../shared/domain/api-key';
import { register } from '../../../support/agents';
import { anEvent } from '../../../support/builders';
import type { ApiClient } from '../../../support/client';
import { expectBalanced, newExpectedState } from '../../../support/expected-state';
import { REPLICATED } from '../../../support/failover';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { keepSubmitting } from '../../../support/keep-submitting';
import type { OpenedStore } from '../../../support/own-store';
import { openRedisCluster, type RedisCluster } from '../../../support/redis-cluster';
import { serveApi } from '../../../support/serve-api';
import { waitUntil } from '../../../support/wait-until';

/** Failovers and moved slots, each of which takes seconds. */
const TIMEOUT_MS = 240_000;
const FAILED_OVER_WITHIN_MS = 30_000;
const MOVED_SLOTS = 200;

const { serve, closeAtEnd } = faultEnvironment();
let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await openRedisCluster(REPLICATED);
}, TIMEOUT_MS);

const serveOnCluster = (workers: boolean): Promise<Harness> =>
  serve({
    workers,
    env: {
      REDIS_URL: cluster.url,
      EVENT_QUEUE_SHARDS: '3',
      QUEUE_DURABILITY: 'replicated',
      REDIS_TIMEOUT_MS: '1000',
    },
  });

afterAll(() => cluster.end(), TIMEOUT_MS);

/** Kills a primary, and waits until another node has its slots. */
async function failOver(primary: OpenedStore): Promise<void> {
  const before = await cluster.primaries();
  await primary.kill();
  await waitUntil(
    'the replica is promoted',
    async () => (await cluster.primaries()).length === before.length,
    FAILED_OVER_WITHIN_MS,
  );
}

describe('a Redis Cluster', () => {
  it(
    'loses no accepted event while two primaries are killed and slots move, under traffic',
    async () => {
      const mir = await serveOnCluster(true);
      const expectedState = newExpectedState(await mir.partner());
      await keepSubmitting(mir, expectedState, async () => {
        for (const primary of (await cluster.primaries()).slice(0, 2)) {
          await failOver(primary);
          await primary.restart();
          await cluster.untilComplete();
        }
        const [from, to] = await cluster.primaries();
        await cluster.moveSlots(from!, to!, (await cluster.slotsOf(from!)).slice(0, MOVED_SLOTS));
      });
      await expectBalanced(mir, expectedState);
    },
    TIMEOUT_MS,
  );

  it(
    'rejects a killed key on every process, also from a promoted replica that never learned of the kill',
    async () => {
      // Without a worker, nothing repeats the kill on the promoted replica.
      const mir = await serveOnCluster(false);
      const partner = await mir.partner();
      const { id, key } = await register(mir.client, partner.liveKey);
      const other = await serveApi(readConfig(mir.env));
      closeAtEnd({ close: () => other.close() });
      // Unlike reads, submissions are never authorized by MongoDB alone.
      const statusOf = async (client: ApiClient): Promise<number> =>
        (await client.post('/v1/events', key, anEvent({ idempotencyKey: randomUUID() }))).status;
      for (const client of [mir.client, other.client]) expect(await statusOf(client)).toBe(202);

      const row = mir.ctx.keys.credential(parseApiKey(key)!.tag, parseApiKey(key)!.hash);
      const { port } = mir.ctx.queueLink.primaryOf(row).options;
      const primary = cluster.nodes.find(({ url }) => new URL(url).port === String(port))!;
      await cluster.cutOffReplica(primary);
      const killed = await mir.client.post(`/v1/agents/${id}/revoke-descendants`, partner.liveKey, {});
      expect(killed.status).toBe(202);
      await primary.kill();
      await waitUntil(
        'both processes reject the key',
        async () => {
          const statuses = [await statusOf(mir.client), await statusOf(other.client)];
          expect(statuses).not.toContain(202);
          return statuses.every((status) => status === 401);
        },
        FAILED_OVER_WITHIN_MS,
      );
      await primary.restart();
      await cluster.untilComplete();
    },
    TIMEOUT_MS,
  );
});
