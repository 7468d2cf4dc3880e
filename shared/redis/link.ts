import type { Telemetry } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { RedisLayout } from '../config/redis-url';

/**
 * Behavior of a connection. `timeoutMs` limits each command. `epochKey` is the Redis key that processes use to agree on
 * the server's epoch. Without it, the epoch is derived from the server's identity alone, and nothing is written. A
 * cluster does not need it.
 */
export type LinkRole = { kind: 'request'; timeoutMs: number; epochKey?: string } | { kind: 'worker' };

/** A client for keys. Commands about a server, such as INFO, need `RedisLink.primaries()` instead. */
export type RedisClient = Redis | Cluster;

/**
 * The epoch that a cluster's link passes to scripts. Scripts then use the identity of the server on which they run: in a
 * cluster, a process may learn later than a command that a key's server has changed.
 */
export const EPOCH_OF_SERVER = '';

/** A Redis connection that tracks the identity of its server, or the connections to a Redis Cluster. */
export interface RedisLink {
  layout: RedisLayout;
  client: RedisClient;
  /** Options for BullMQ's queues and workers. */
  bullmq: { connection: RedisClient; telemetry?: Telemetry };
  /** The connections to the primaries: one, or those of a cluster. Empty while a cluster is unknown. */
  primaries(): readonly Redis[];
  /** The connections to all servers: the primaries and, in a cluster, their replicas. */
  servers(): readonly Redis[];
  /** The connection to the primary that has a key. Throws while it is unknown. */
  primaryOf(key: string): Redis;
  /**
   * The server's run ID, or a constant for a cluster. Null while disconnected, and while the server behind a new
   * connection has not yet been identified.
   */
  runId(): string | null;
  /** The server's `run_id` and `master_replid`, or a constant for a cluster. Null whenever `runId()` is null. */
  serverId(): string | null;
  /**
   * The server's epoch, or `EPOCH_OF_SERVER` for a cluster. Null whenever `runId()` is null. Cached rows are valid only
   * in the epoch in which they were written. A new epoch begins after a restart, after a failover, and when a process
   * reconnects after using another server, because in the meantime, that process may have changed data that is cached on
   * this server. Other processes notice the new epoch within a second, so rows must be safe to use while two epochs are
   * in use.
   */
  epoch(): string | null;
  /** Resolves once the server is identified. Rejects after `timeoutMs`. */
  whenReady(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}
