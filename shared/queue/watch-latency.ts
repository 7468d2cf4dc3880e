import type { Metrics } from '../platform/metrics';
import type { RedisRole } from '../platform/series/stores';
import type { RedisLink } from './connect';

const PING_EVERY_MS = 1_000;

/** Times a ping a second on a connection, one at a time. Returns the stop. */
export function watchLatency(
  { client }: Pick<RedisLink, 'client'>,
  role: RedisRole,
  metrics: Pick<Metrics, 'redisPingSeconds' | 'redisPingFailures'>,
): () => void {
  const seconds = metrics.redisPingSeconds[role];
  const failures = metrics.redisPingFailures[role];
  let waiting = false;
  const timer = setInterval(() => {
    if (waiting) return;
    waiting = true;
    const startedAtMs = performance.now();
    client
      .ping()
      .then(
        () => seconds.observe((performance.now() - startedAtMs) / 1000),
        () => failures.inc(),
      )
      .finally(() => {
        waiting = false;
      });
  }, PING_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
