import type { Connection, mongo } from 'mongoose';
import type { Tenant } from '../domain/ids';

/** Kinds of servers that route commands to the shards of a cluster. */
const ROUTERS = new Set<string>(['Mongos', 'LoadBalancer']);

const routed = new WeakSet<mongo.MongoClient>();

/** Remembers whether the client is connected to a sharded cluster. Call this before the client connects. */
export function watchRouting(client: mongo.MongoClient): void {
  client.on('serverDescriptionChanged', ({ newDescription }) => {
    if (ROUTERS.has(newDescription.type)) routed.add(client);
  });
}

/** Returns whether the connection leads to a sharded cluster. */
export function isRouted(connection: Connection): boolean {
  return routed.has(connection.getClient());
}

/** A condition on the tenant, or none. */
interface TenantCondition {
  tenant?: Tenant | { $in: Tenant[] };
}

/**
 * Returns a function that completes a query by `_id` with the documents' tenants, so that a mongos sends it only to
 * their shards. `null` means that the tenants are unknown. On a replica set, the function returns no condition, which
 * would exclude nothing, but makes commits 11–15% slower, because MongoDB then plans every update
 * (0060-mongodb-sharding.md).
 */
export function tenantRouting(connection: Connection): (tenants: Iterable<Tenant> | null) => TenantCondition {
  return (tenants) => {
    if (tenants === null || !isRouted(connection)) return {};
    const distinct = [...new Set(tenants)];
    return { tenant: distinct.length === 1 ? distinct[0]! : { $in: distinct } };
  };
}
