import { randomInt, randomUUID } from 'node:crypto';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

export type Env = 'live' | 'test';
/** `prt_<tag>`. The tag is public and part of every API key, so a key identifies its partner without a lookup. */
export type PartnerId = Branded<string, 'PartnerId'>;
/**
 * `<partnerId>:<env>`, the owner of data. Every row, cache key and budget contains it, so test and live data are
 * isolated.
 */
export type Tenant = Branded<string, 'Tenant'>;
/** Keyed hash of (tenant, userExternalId), the only form in which MIR stores a partner's user ID. */
export type UserRef = Branded<string, 'UserRef'>;
/** A person's MIR account. */
export type IdentityId = Branded<string, 'IdentityId'>;
/** `<identityId>:<env>`: a person's links in one environment. */
export type IdentityRef = Branded<string, 'IdentityRef'>;
export type EventId = Branded<string, 'EventId'>;
/**
 * ID of a chunk: one tenant's events in one job. Also the BullMQ job ID, so it never contains a `:` and is never all
 * digits.
 */
export type ChunkId = Branded<string, 'ChunkId'>;
export type ReceiptId = Branded<string, 'ReceiptId'>;

const TAG_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const TAG_LENGTH = 12;

/** Returns a random public tag: 12 characters (60 bits) that are not easily confused. */
export function newPartnerTag(): string {
  return Array.from({ length: TAG_LENGTH }, () => TAG_ALPHABET[randomInt(TAG_ALPHABET.length)]).join('');
}

export function partnerIdOf(tag: string): PartnerId {
  return `prt_${tag}` as PartnerId;
}

export function tagOf(partnerId: PartnerId): string {
  return partnerId.slice('prt_'.length);
}

export function tenantOf(partnerId: PartnerId, env: Env): Tenant {
  return `${partnerId}:${env}` as Tenant;
}

const TENANT_PATTERN = /^prt_[a-z0-9]+:(live|test)$/;

/** Returns whether a value from an unvalidated payload is a tenant. */
export function isTenant(value: unknown): value is Tenant {
  return typeof value === 'string' && TENANT_PATTERN.test(value);
}

export function envOf(tenant: Tenant): Env {
  return tenant.endsWith(':test') ? 'test' : 'live';
}

export function partnerOf(tenant: Tenant): PartnerId {
  return tenant.slice(0, tenant.indexOf(':')) as PartnerId;
}

export function identityRefOf(identityId: IdentityId, env: Env): IdentityRef {
  return `${identityId}:${env}` as IdentityRef;
}

/**
 * Returns a chunk ID: `c`, the time in base 36, then 80 random bits. IDs created at about the same time are close
 * together in an index.
 */
export function newChunkId(nowMs: number): ChunkId {
  const random = randomUUID();
  return `c${nowMs.toString(36).padStart(9, '0')}${random.slice(0, 8)}${random.slice(24)}` as ChunkId;
}

/** Returns a random prefixed ID with 120 random bits, such as `app_…`. */
export function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}
