import type { RedisLink } from '../../../shared/redis/connect';
import { type Finding, fail, ok, warn } from './finding';

const WARN_MS = 1_000;
/** Events from more than 5 minutes ahead are refused, and a lock of a minute must not end at once. */
const FAIL_MS = 30_000;

/** A clock's time, and this machine's just before and after it was asked. */
export interface ClockReading {
  atMs: number;
  sentMs: number;
  heardMs: number;
}

/** Asks a Redis server for its time. */
export async function redisClock({ client }: RedisLink): Promise<ClockReading> {
  const sentMs = Date.now();
  const [seconds, micros] = await client.time();
  return { atMs: Number(seconds) * 1_000 + Number(micros) / 1_000, sentMs, heardMs: Date.now() };
}

/** How far a clock is ahead of this machine's for certain, whatever the answer's way took. */
function aheadMs({ atMs, sentMs, heardMs }: ClockReading): number {
  if (atMs > heardMs) return atMs - heardMs;
  return atMs < sentMs ? atMs - sentMs : 0;
}

/** Compares the stores' clocks with this machine's. */
export function compareClocks(clocks: readonly { of: string; reading: ClockReading }[]): Finding {
  const ahead = clocks.map(({ of, reading }) => ({ of, ms: Math.round(aheadMs(reading)) }));
  const worst = Math.max(0, ...ahead.map(({ ms }) => Math.abs(ms)));
  const text = ahead
    .map(({ of, ms }) => `${of} ${ms === 0 ? 'agrees' : `is ${Math.abs(ms)} ms ${ms > 0 ? 'ahead' : 'behind'}`}`)
    .join(', ');
  const remedy = 'run NTP (chrony, systemd-timesyncd) on every machine of the installation';
  if (worst >= FAIL_MS) return fail('clocks', text, remedy);
  return worst >= WARN_MS ? warn('clocks', text, remedy) : ok('clocks', text);
}
