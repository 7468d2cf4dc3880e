import type { Redis } from 'ioredis';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { RedisLink } from '../../shared/redis/link';
import { readInfo } from '../../shared/redis/info';
import { REJECTION } from './rewrite-append-only-files';

/**
 * Returns a function that rewrites a server's append-only file once the server can write to it again after errors, such
 * as a full disk. Call it often. When only part of a write fits on the disk, the file may no longer be readable at the
 * next start (seen on Valkey 9.1.2: "Bad file format"), while the server's memory is still complete.
 */
export function createRewriteAfterWriteErrors(
  link: Pick<RedisLink, 'servers'>,
  role: string,
  log: Log,
): () => Promise<void> {
  const failed = new Set<string>();
  const check = async (server: Redis): Promise<void> => {
    const name = `${server.options.host}:${server.options.port}`;
    const info = await readInfo(server, 'persistence');
    if (info('aof_enabled') !== '1') return;
    if (info('aof_last_write_status') === 'err') {
      if (!failed.has(name))
        log.error({ role, server: name }, 'Redis cannot write its append-only file. Check its disk');
      failed.add(name);
      return;
    }
    if (!failed.has(name)) return;
    const error = await server.bgrewriteaof().then(() => null, messageOf);
    // Another worker may have started the rewrite.
    if (error === null || /in progress|scheduled/i.test(error)) {
      log.warn(
        { role, server: name },
        'Redis can write its append-only file again. Rewriting it, because it may be damaged',
      );
    } else if (REJECTION.test(error)) {
      log.error(
        { role, server: name, err: error },
        'the append-only file may be damaged, but Redis rejects BGREWRITEAOF. Run it yourself before Redis restarts',
      );
    } else throw new Error(error);
    failed.delete(name);
  };
  return async () => {
    await Promise.all(link.servers().map(check));
  };
}
