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
  /** Does a read of the store; throws STORE_UNAVAILABLE when it fails, takes too long or is not even tried. */
  read<T>(work: () => Promise<T>): Promise<T>;
  shutdown(): void;
}

/** One breaker per kind of read and process. Open: calls are refused at once instead of piling up on a dead store. */
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
  const show = (now: BreakerState): void => {
    for (const state of BREAKER_STATES) metrics.breakerState.labels(name, state).set(state === now ? 1 : 0);
  };
  show('closed');
  breaker.on('open', () => show('open'));
  breaker.on('halfOpen', () => show('half_open'));
  breaker.on('close', () => show('closed'));
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
