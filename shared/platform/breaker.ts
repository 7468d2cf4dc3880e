import CircuitBreaker from 'opossum';
import type { Metrics } from './metrics';

const ERROR_PERCENT = 50;
const MIN_CALLS = 5;
const RESET_MS = 2_000;
const WINDOW_MS = 10_000;
const BREAKER_STATES = ['closed', 'half_open', 'open'] as const;
type BreakerState = (typeof BREAKER_STATES)[number];

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
  const show = (now: BreakerState): void => {
    for (const state of BREAKER_STATES) metrics.breakerState.labels(name, state).set(state === now ? 1 : 0);
  };
  show('closed');
  breaker.on('open', () => show('open'));
  breaker.on('halfOpen', () => show('half_open'));
  breaker.on('close', () => show('closed'));
  return breaker;
}
