import CircuitBreaker from 'opossum';
import { storeUnavailable } from '../errors';
import type { Metrics } from '../metrics/metrics';

const CALL_TIMEOUT_MS = 2_000;
const MAX_IN_FLIGHT = 512;
const ERROR_PERCENT = 50;
const MIN_CALLS = 5;
const RESET_MS = 2_000;
const WINDOW_MS = 10_000;
const BREAKER_STATES = ['closed', 'half_open', 'open'] as const;
type BreakerState = (typeof BREAKER_STATES)[number];

export interface Breaker {
  /** Runs a MongoDB read. Throws STORE_UNAVAILABLE if the read fails or times out, or if the breaker is open. */
  read<T>(work: () => Promise<T>): Promise<T>;
  shutdown(): void;
}

/**
 * Creates a circuit breaker for one kind of read. While it is open, reads fail immediately instead of piling up on a
 * database that is down.
 */
export function createBreaker(name: string, metrics: Pick<Metrics, 'breakerState'>): Breaker {
  const breaker = new CircuitBreaker((work: () => Promise<unknown>) => work(), {
    name,
    timeout: CALL_TIMEOUT_MS,
    capacity: MAX_IN_FLIGHT,
    errorThresholdPercentage: ERROR_PERCENT,
    volumeThreshold: MIN_CALLS,
    resetTimeout: RESET_MS,
    rollingCountTimeout: WINDOW_MS,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
  });
  const setState = (now: BreakerState): void => {
    for (const state of BREAKER_STATES) metrics.breakerState.labels(name, state).set(state === now ? 1 : 0);
  };
  setState('closed');
  breaker.on('open', () => setState('open'));
  breaker.on('halfOpen', () => setState('half_open'));
  breaker.on('close', () => setState('closed'));
  return {
    read: async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return (await breaker.fire(work)) as T;
      } catch (error) {
        throw storeUnavailable(error);
      }
    },
    shutdown: () => breaker.shutdown(),
  };
}
