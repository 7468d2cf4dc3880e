import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { RedisLink } from '../../shared/redis/connect';
import { readInfo } from '../../shared/redis/info';

/**
 * Returns a function that rewrites a server's append-only file once the server can write to it again after errors, such
 * as a full disk. Call it often. When only part of a write fits on the disk, the file may no longer be readable at the
 * next start (seen on Valkey 9.1.2: "Bad file format"), while the server's memory is still complete.
 */
export function createRewriteAfterWriteErrors(
  link: Pick<RedisLink, 'client'>,
  role: string,
  log: Log,
): () => Promise<void> {
  let failed = false;
  return async () => {
    const info = await readInfo(link.client, 'persistence');
    if (info('aof_enabled') !== '1') return;
    if (info('aof_last_write_status') === 'err') {
      if (!failed) log.error({ role }, 'Redis cannot write its append-only file. Check its disk');
      failed = true;
      return;
    }
    if (!failed) return;
    await link.client.bgrewriteaof().catch((error: unknown) => {
      // Another worker may have started the rewrite.
      if (!/in progress|scheduled/i.test(messageOf(error))) throw error;
    });
    failed = false;
    log.warn({ role }, 'Redis can write its append-only file again. Rewriting it, because it may be damaged');
  };
}
