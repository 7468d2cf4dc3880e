import type { Redis } from 'ioredis';
import { type Finding, fail, ok, warn } from './finding';

const WARN_MS = 1_000;
/**
 * Well below the two limits that depend on clocks: events may be at most 5 minutes in the future, and locks are held
 * for 1 minute.
 */
const FAIL_MS = 30_000;

/** A server's time, and this machine's time just before and after reading it. */
export interface ClockReading {
  atMs: number;
  sentMs: number;
  receivedMs: number;
}

/** Reads the clock of a Redis server. */
export async function redisClock(server: Redis): Promise<ClockReading> {
  const sentMs = Date.now();
  const [seconds, micros] = await server.time();
  return { atMs: Number(seconds) * 1_000 + Number(micros) / 1_000, sentMs, receivedMs: Date.now() };
}

/**
 * Returns the smallest offset, in ms, between a clock and this machine's clock that explains the reading. The offset is
 * positive if the clock is ahead, negative if it is behind, and 0 if network delay alone explains the difference.
 */
function aheadMs({ atMs, sentMs, receivedMs }: ClockReading): number {
  if (atMs > receivedMs) return atMs - receivedMs;
  return atMs < sentMs ? atMs - sentMs : 0;
}

/** Compares the stores' clocks with this machine's clock. */
export function compareClocks(clocks: readonly { of: string; reading: ClockReading }[]): Finding {
  const ahead = clocks.map(({ of, reading }) => ({ of, ms: Math.round(aheadMs(reading)) }));
  const worst = Math.max(0, ...ahead.map(({ ms }) => Math.abs(ms)));
  const text = ahead
    .map(({ of, ms }) => `${of} ${ms === 0 ? 'is in sync' : `is ${Math.abs(ms)} ms ${ms > 0 ? 'ahead' : 'behind'}`}`)
    .join(', ');
  const remedy = 'run NTP (chrony, systemd-timesyncd) on every machine of the deployment';
  if (worst >= FAIL_MS) return fail('clocks', text, remedy);
  return worst >= WARN_MS ? warn('clocks', text, remedy) : ok('clocks', text);
}
