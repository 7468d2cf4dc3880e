import type { Harness } from './harness';
import { redisKeysLike } from './redis-text';

/** Deletes the cached rows of a user, or of all users and identities, as if they had expired. */
export async function forgetSignals({ ctx, env }: Harness, userRef?: string): Promise<void> {
  const patterns = userRef === undefined ? ['*:signals:*', '*:identity'] : [`*:signals:${userRef}`];
  const keys = await Promise.all(
    patterns.map((pattern) => redisKeysLike(ctx.cacheLink, `${env['KEYSPACE']!}:${pattern}`)),
  );
  await Promise.all(keys.flat().map((key) => ctx.cacheLink.client.del(key)));
}
