import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import type { CascadeQueue } from '../../shared/queue/cascade-queue';
import type { InspectedQueues } from '../../shared/queue/queues';
import type { RedisLink } from '../../shared/redis/connect';
import type { RedisKeys } from '../../shared/redis/keys';
import { sweepReservations } from '../../shared/queue/sweep-open-chunks';
import type { Store } from '../../shared/store/store';
import { expireDeadLetters } from './expire-dead-letters';
import { forgetSignUps } from './forget-sign-ups';
import { gaugeReadings } from './read-gauges';
import { repeat } from './repeat';

const SWEEP_EVERY_MS = 30_000;
const GAUGES_EVERY_MS = 5_000;
const DEAD_LETTERS_EVERY_MS = 60_000;
const SIGN_UPS_EVERY_MS = 10 * 60_000;
const CASCADES_EVERY_MS = 5_000;
/** Open cascades that one look takes up, those that wait longest first. */
const MAX_CASCADES_PER_LOOK = 1_000;

/** A worker's housekeeping: sweeps abandoned marks, takes up open cascades, reads the gauges of the metrics. */
export function maintain(deps: {
  queues: InspectedQueues;
  cascadeQueue: CascadeQueue;
  store: Pick<Store, 'cascades' | 'audit' | 'cacheOutbox' | 'deliveries' | 'erasures' | 'identities' | 'transaction'>;
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
  metrics: Metrics;
}): () => void {
  const { queues, cascadeQueue, store, link, keys, log, metrics } = deps;
  const gauges = gaugeReadings({ store, link, keys, metrics }).map(({ what, read }) =>
    repeat(GAUGES_EVERY_MS, `reading the gauges of ${what}`, log, () => read(performance.now())),
  );
  const others = [
    repeat(SWEEP_EVERY_MS, 'the sweep', log, async () => {
      const swept = await sweepReservations(link, keys, Date.now());
      if (swept > 0) log.info({ swept }, 'abandoned chunks swept');
    }),
    repeat(DEAD_LETTERS_EVERY_MS, 'deleting old dead letters', log, () => expireDeadLetters(queues, log)),
    repeat(SIGN_UPS_EVERY_MS, 'forgetting sign-ups', log, () => forgetSignUps(store, Date.now())),
    repeat(CASCADES_EVERY_MS, 'taking up cascades', log, async () => {
      const due = await store.cascades.due(new Date(), MAX_CASCADES_PER_LOOK);
      for (const { _id } of due) await cascadeQueue.add(_id);
    }),
  ];
  // Whoever watches a worker that has just started should not look at gaps.
  gauges.forEach(({ run }) => run());
  return () => [...gauges, ...others].forEach(({ stop }) => stop());
}
