import type { Telemetry } from 'bullmq';
import type { Log } from '../log';
import { connectCluster } from './cluster-link';
import { parseRedisUrl } from '../config/redis-url';
import type { LinkRole, RedisLink } from './link';
import { connectServer } from './server-link';

/**
 * Connects to a server, to the primary that Sentinels name, or to a cluster. Reconnects indefinitely, and logs at most
 * one error every 5 s.
 */
export function connectRedis(url: string, role: LinkRole, log: Log, telemetry?: Telemetry): RedisLink {
  const endpoint = parseRedisUrl(url);
  return endpoint.layout === 'cluster'
    ? connectCluster(endpoint, role, log, telemetry)
    : connectServer(endpoint, role, log, telemetry);
}
