import type { Redis } from 'ioredis';

/** Returns the time on the server's clock in ms, as authorize.lua computes it. */
export async function redisNowMs(client: Redis): Promise<number> {
  const [seconds, micros] = await client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}
