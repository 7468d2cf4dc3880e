/** Field of a shard key, and of the index that supports it. Always ascending. */
type KeyFields = Readonly<Record<string, 1>>;

export interface ShardKey {
  /** Null for a collection that stays on the database's primary shard. */
  key: KeyFields | null;
  why: string;
  /** True if no schema index starts with the key, so that the index is built only when the collection is sharded. */
  ownIndex?: true;
}

const TENANT: KeyFields = { tenant: 1 };
const ID: KeyFields = { _id: 1 };

const byTenant = (why: string): ShardKey => ({ key: TENANT, why });
const byTenantWithOwnIndex = (why: string): ShardKey => ({ key: TENANT, why, ownIndex: true });
const byId = (why: string): ShardKey => ({ key: ID, why });
const unsharded = (why: string): ShardKey => ({ key: null, why });

/**
 * The shard key of each collection. Collections by tenant share the ranges of a zone, so that a commit of one tenant's
 * events is a transaction on one shard. `_id` is unique only per shard, unless it is the shard key, so every `_id` by
 * which MIR recognizes a repetition is derived from its tenant or random.
 */
export const SHARD_KEYS = {
  events: byTenant('commits and lists name the tenant; IDs are derived from it'),
  users: byTenantWithOwnIndex('changed in the same transaction as the events'),
  receipt_parts: byTenantWithOwnIndex('a receipt is read and written with its tenant'),
  rejected_events: byTenant('listed with the tenant; IDs are random'),
  usage: byTenant('changed in the same transaction as the receipts'),
  agents: byTenant('trees belong to one tenant, and kills walk one tree'),
  audit: { key: { chain: 1 }, why: 'a chain belongs to one tenant; `seq` must be unique in it' },
  erasures: byTenant('recorded in the same transaction as the events are deleted'),
  webhook_deliveries: byTenant('written and dropped with the tenant’s users'),
  memberships: byId('a person’s accounts belong to many tenants'),
  refreshes: byId('a link change concerns a person and several tenants'),
  audit_heads: unsharded('one small row per tenant'),
  spawn_policies: unsharded('one small row per tenant'),
  webhooks: unsharded('a few small rows per tenant'),
  signing_keys: unsharded('a few rows, and generations must be unique'),
  omitted_rejections: unsharded('a few small rows per tenant'),
  partners: unsharded('one small row per partner, and key hashes must be unique'),
  applications: unsharded('few rows'),
  cascades: unsharded('one row per kill, and commits look up the kills of all ancestors'),
  link_requests: unsharded('short-lived, and token hashes must be unique'),
  identities: unsharded('email addresses must be unique'),
  identity_sessions: unsharded('session tokens must be unique'),
  identity_accounts: unsharded('accounts at a provider must be unique'),
  identity_verifications: unsharded('short-lived'),
  staff: unsharded('email addresses must be unique'),
  staff_sessions: unsharded('session tokens must be unique'),
  staff_accounts: unsharded('accounts at a provider must be unique'),
  staff_verifications: unsharded('short-lived'),
  staff_second_factors: unsharded('one row per account'),
  staff_passkeys: unsharded('IDs of authenticators must be unique'),
  staff_challenges: unsharded('short-lived'),
  members: unsharded('few rows, and an account belongs to many partners'),
  member_invitations: unsharded('short-lived'),
  organizations: unsharded('one small row per partner'),
  access_tokens: unsharded('short-lived, and token hashes must be unique'),
  queued_mails: unsharded('short-lived'),
  outbox_mails: unsharded('local mode only'),
  meta: unsharded('a few rows'),
  migrations: unsharded('few rows'),
} as const satisfies Readonly<Record<string, ShardKey>>;

/** A collection that is sharded, and its key. */
export interface ShardedCollection {
  collection: string;
  key: KeyFields;
  ownIndex: boolean;
}

/** Returns the collections that a cluster shards. */
export function shardedCollections(): ShardedCollection[] {
  return Object.entries<ShardKey>(SHARD_KEYS).flatMap(([collection, { key, ownIndex = false }]) =>
    key === null ? [] : [{ collection, key, ownIndex }],
  );
}

const inShell = (fields: KeyFields): string =>
  `{ ${Object.entries(fields)
    .map(([field, direction]) => `${field}: ${direction}`)
    .join(', ')} }`;

/** Returns the mongosh commands that shard a collection, and build the index that its key needs. */
export function shardCommands(database: string, { collection, key, ownIndex }: ShardedCollection): string[] {
  const index = `db.getSiblingDB("${database}").${collection}.createIndex(${inShell(key)})`;
  return [...(ownIndex ? [index] : []), `sh.shardCollection("${database}.${collection}", ${inShell(key)})`];
}
