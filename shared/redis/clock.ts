import type { Redis } from 'ioredis';
import type { RedisClient } from './link';
import { type PartnerId, tagOf } from '../domain/ids';
import type { RedisKeys } from './keys';
import { scripts } from './scripts';

/** Returns the time on the server's clock in ms. */
export async function redisNowMs(client: Redis): Promise<number> {
  const [seconds, micros] = await client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/** Advances a partner's clock at least to `toMs`. Returns the clock's time in ms. */
export function advanceClock(
  client: RedisClient,
  keys: RedisKeys,
  partnerId: PartnerId,
  toMs: number,
): Promise<number> {
  return scripts.advanceClock(client, [keys.clock(tagOf(partnerId))], [toMs]);
}

/**
 * Advances a partner's clock past the time of an erasure, so that the erasure does not cover events that are received
 * from now on. Returns the clock's time in ms.
 */
export function advancePastErasure(
  client: RedisClient,
  keys: RedisKeys,
  partnerId: PartnerId,
  erasedAt: Date,
): Promise<number> {
  return advanceClock(client, keys, partnerId, erasedAt.getTime() + 1);
}
