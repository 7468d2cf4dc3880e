import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import type { RedisLink } from '../../shared/redis/link';
import { countActive, queueKeys } from '../../shared/queue/bullmq-internals';
import { currentShards, shardsOf } from '../../shared/queue/event-shards';
import { QUEUE_NAMES } from '../../shared/queue/queues';
import type { RedisKeys } from '../../shared/redis/keys';
import { scripts } from '../../shared/redis/scripts';
import { type AuditChain, BEFORE_ALL_CHAINS } from '../../shared/store/audit';
import { classifyStoreError } from '../../shared/store/errors';
import type { Store } from '../../shared/store/store';
import { sealChain } from './seal-chain';

/** How often an idle sealer checks for unsealed entries. */
const POLL_EVERY_MS = 1_000;
/** Roughly the duration of one visit. A crashed sealer blocks its chain for at most this long. */
const LOCK_MS = 20_000;

/** While other jobs are active, the sealer rests for this multiple of the time that a page took. */
const REST_FACTOR = 2;

type OnSealed = (entries: number, tookMs: number) => Promise<void>;

interface SealerDeps {
  store: Pick<Store, 'transaction' | 'audit' | 'auditHeads'>;
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
  metrics: Metrics;
}

export interface Sealer {
  /** Stops after the current page. */
  stop(): Promise<void>;
}

/** Seals unsealed entries for as long as the process runs, chain by chain and page by page. */
export function startSealer(deps: SealerDeps): Sealer {
  const { store, link, keys, log, metrics } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const token = randomUUID();
  const failing = new Set<AuditChain>();

  /** Returns true while any worker has active jobs, which take precedence. */
  const hasOtherWork = async (): Promise<boolean> => {
    const counts = QUEUE_NAMES.flatMap((name) =>
      shardsOf(name, currentShards(keys)).map((shard) => countActive(link.client, queueKeys(keys, name, shard))),
    );
    return (await Promise.all(counts).catch(() => [0])).some((count) => count > 0);
  };

  /**
   * Runs `work` unless another worker is sealing this chain. The lock is an optimization: it avoids transactions that
   * would conflict.
   */
  const withChainLock = async (chain: AuditChain, work: () => Promise<void>): Promise<void> => {
    const lock = keys.sealerLock(chain);
    const isHeld = await scripts.takeLock(link.client, [lock], [token, LOCK_MS]).catch(() => 1);
    if (isHeld === 0) return;
    try {
      await work();
    } finally {
      await scripts.releaseLocks(link.client, [lock], [token]).catch(() => undefined);
    }
  };

  /**
   * Seals one chain. If sealing fails permanently, logs the error once and returns, so that the other chains can
   * continue. Throws only transient errors.
   */
  const visit = async (chain: AuditChain, onSealed: OnSealed): Promise<void> => {
    try {
      await withChainLock(chain, () => sealChain(store, chain, { signal, onSealed }));
      failing.delete(chain);
    } catch (error) {
      if (classifyStoreError(error) === 'transient') throw error;
      if (!failing.has(chain)) log.error({ chain, err: messageOf(error) }, 'audit chain could not be sealed');
      failing.add(chain);
    }
  };

  /** Visits every chain that has unsealed entries, in order of name. Returns how many entries were sealed. */
  const pass = async (): Promise<number> => {
    let sealed = 0;
    const onSealed: OnSealed = async (entries, tookMs) => {
      metrics.auditSealed.inc(entries);
      sealed += entries;
      if (await hasOtherWork()) await delay(tookMs * REST_FACTOR, undefined, { signal }).catch(() => undefined);
    };
    let chain = await store.audit.nextUnsealedChain(BEFORE_ALL_CHAINS);
    while (chain !== null && !signal.aborted) {
      await visit(chain, onSealed);
      chain = await store.audit.nextUnsealedChain(chain);
    }
    return sealed;
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      let sealed = 0;
      try {
        sealed = await pass();
      } catch (error) {
        log.warn({ err: messageOf(error) }, 'audit sealing failed, retrying');
      }
      if (sealed === 0) await delay(POLL_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  };

  const running = run();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}
