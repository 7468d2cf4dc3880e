import CircuitBreaker from 'opossum';
import type { Metrics } from './metrics';

const ERROR_PERCENT = 50;
const MIN_CALLS = 5;
const RESET_MS = 2_000;
const WINDOW_MS = 10_000;

/** One breaker per dependency and process. Open: calls are refused at once instead of piling up on a dead store. */
export function createBreaker<Args extends unknown[], Result>(
  name: string,
  work: (...args: Args) => Promise<Result>,
  { timeoutMs, maxInFlight, metrics }: { timeoutMs: number; maxInFlight: number; metrics: Metrics },
): CircuitBreaker<Args, Result> {
  const breaker = new CircuitBreaker<Args, Result>(work, {
    name,
    timeout: timeoutMs,
    capacity: maxInFlight,
    errorThresholdPercentage: ERROR_PERCENT,
    volumeThreshold: MIN_CALLS,
    resetTimeout: RESET_MS,
    rollingCountTimeout: WINDOW_MS,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
  });
  const gauge = metrics.breakerState.labels(name);
  gauge.set(0);
  breaker.on('open', () => gauge.set(1));
  breaker.on('close', () => gauge.set(0));
  return breaker;
}
