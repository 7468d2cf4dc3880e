import { readInfo } from './info';
import type { RedisLink } from './link';

/** Throws if a link to one server leads to a node of a cluster, which rejects most commands. */
export async function requireLayout(link: Pick<RedisLink, 'layout' | 'primaries'>, remedy: string): Promise<void> {
  const [server] = link.primaries();
  if (link.layout === 'cluster' || server === undefined) return;
  if ((await readInfo(server, 'cluster'))('cluster_enabled') !== '1') return;
  throw new Error(`The Redis server is a node of a Redis Cluster. ${remedy}`);
}
