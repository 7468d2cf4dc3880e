import { setTimeout as delay } from 'node:timers/promises';
import type { ApiContext } from '../../api/context';
import { readConfig } from '../../shared/config/config';
import { parseApiKey } from '../../shared/domain/api-key';
import { tagOf } from '../../shared/domain/ids';
import { startHarness, type TestPartner } from '../support/harness';
import { serveApi } from '../support/serve-api';
import { createHttpClient, type HttpClient } from './http-client';
import { openSlowLink } from './slow-link';

/** Three APIs with connections and caches of their own, and a worker process, on shared stores. */
export interface Cluster {
  /** The last API has a slow connection to Redis. */
  apis: readonly HttpClient[];
  ctx: ApiContext;
  partner(): Promise<TestPartner>;
  /** Deletes the cached rows and leases of a partner, as an eviction would, including any fences. */
  dropCache(partner: TestPartner, agentIds: Iterable<string>, secrets: Iterable<string>): Promise<void>;
  /** Closes the Redis connections of the last API. */
  cutRedis(): void;
  /** Stops the worker for a while, unless it was stopped recently. */
  stopWorkers(): void;
  /** Resolves when the worker is running. */
  workersRun(): Promise<void>;
  close(): Promise<void>;
}

const WORKERS_STOPPED_MS = 1_000;
const STOP_WORKERS_EVERY_MS = 6_000;
const CUT_REDIS_EVERY_MS = 5_000;

export async function openCluster(): Promise<Cluster> {
  const harness = await startHarness({ env: { TRUST_PROXY_HOPS: '1' } });
  const { env, ctx } = harness;
  const slowLink = await openSlowLink(env['REDIS_URL']!);
  const others = [await serveApi(readConfig(env)), await serveApi(readConfig({ ...env, REDIS_URL: slowLink.url }))];
  let cutAt = 0;
  let stoppedAt = performance.now();
  let restarting = Promise.resolve();

  const restartWorkers = async (): Promise<void> => {
    await harness.stopWorkers();
    await delay(WORKERS_STOPPED_MS);
    await harness.startWorkers();
    stoppedAt = performance.now();
  };

  const apis = [harness, ...others].map(({ url }) => createHttpClient(url));
  return {
    apis,
    ctx,
    partner: () => harness.partner(),
    dropCache: async ({ partnerId }, agentIds, secrets) => {
      const { keys, queueLink } = ctx;
      const tag = tagOf(partnerId);
      const nodes = [partnerId, ...agentIds].flatMap((id) => [keys.node(tag, id), keys.nodeLease(tag, id)]);
      const credentials = [...secrets].flatMap((secret) => {
        const { hash } = parseApiKey(secret)!;
        return [keys.credential(tag, hash), keys.credentialLease(tag, hash)];
      });
      await queueLink.client.del(...nodes, ...credentials);
    },
    cutRedis: () => {
      if (performance.now() - cutAt < CUT_REDIS_EVERY_MS) return;
      cutAt = performance.now();
      slowLink.cut();
    },
    stopWorkers: () => {
      if (performance.now() - stoppedAt < STOP_WORKERS_EVERY_MS) return;
      stoppedAt = Infinity;
      restarting = restartWorkers();
    },
    workersRun: () => restarting,
    close: async () => {
      await restarting;
      for (const api of apis) api.close();
      for (const api of others) await api.close();
      slowLink.close();
      await harness.close();
    },
  };
}
