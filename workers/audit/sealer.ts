import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import type { RedisLink } from '../../shared/redis/connect';
import { countActive, queueKeys } from '../../shared/queue/bullmq-internals';
import { QUEUE_NAMES } from '../../shared/queue/queues';
import type { RedisKeys } from '../../shared/redis/keys';
import { scripts } from '../../shared/redis/scripts';
import { type AuditChain, BEFORE_ALL_CHAINS } from '../../shared/store/audit';
import { classifyStoreError } from '../../shared/store/errors';
import type { Store } from '../../shared/store/store';
import { sealChain } from './seal-chain';

/** How often a worker without work looks for some. */
const LOOK_EVERY_MS = 1_000;
/** About as long as a visit takes; a crashed holder delays its chain by no more than this. */
const LOCK_MS = 20_000;

/** While others work: how long to rest for the time that a page took. */
const REST_PER_WORK = 2;

type OnSealed = (entries: number, tookMs: number) => Promise<void>;

interface SealerDeps {
  store: Pick<Store, 'transaction' | 'audit' | 'auditHeads'>;
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
  metrics: Metrics;
}

export interface Sealer {
  /** Ends after the page at work. */
  stop(): Promise<void>;
}

/** Seals what is unsealed, chain after chain, one page of each at a time, for as long as the process runs. */
export function startSealer(deps: SealerDeps): Sealer {
  const { store, link, keys, log, metrics } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const token = randomUUID();
  const failing = new Set<AuditChain>();

  /** True while any worker has events or kills at work: they go first. */
  const othersWork = async (): Promise<boolean> => {
    const counts = QUEUE_NAMES.map((name) => countActive(link.client, queueKeys(keys, name)));
    return (await Promise.all(counts).catch(() => [0])).some((count) => count > 0);
  };

  /** Runs `work` unless another worker is at this chain. The lock only saves work that would conflict. */
  const withHint = async (chain: AuditChain, work: () => Promise<void>): Promise<void> => {
    const lock = keys.sealerLock(chain);
    const got = await link.client.set(lock, token, 'PX', LOCK_MS, 'NX').catch(() => 'OK');
    if (got !== 'OK') return;
    try {
      await work();
    } finally {
      await scripts.releaseLocks(link.client, [lock], [token]).catch(() => undefined);
    }
  };

  /** A chain that cannot be sealed is told of once, and never keeps the others waiting. */
  const visit = async (chain: AuditChain, onSealed: OnSealed): Promise<void> => {
    try {
      await withHint(chain, () => sealChain(store, chain, { signal, onSealed }));
      failing.delete(chain);
    } catch (error) {
      if (classifyStoreError(error) === 'transient') throw error;
      if (!failing.has(chain)) log.error({ chain, err: messageOf(error) }, 'an audit chain cannot be sealed');
      failing.add(chain);
    }
  };

  /** Visits every chain that has work, in the order of their names. Answers how many entries were sealed. */
  const pass = async (): Promise<number> => {
    let sealed = 0;
    const onSealed: OnSealed = async (entries, tookMs) => {
      metrics.auditSealed.inc(entries);
      sealed += entries;
      if (await othersWork()) await delay(tookMs * REST_PER_WORK, undefined, { signal }).catch(() => undefined);
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
        log.warn({ err: messageOf(error) }, 'the audit was not sealed; it will be tried again');
      }
      if (sealed === 0) await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
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
