import { randomInt, randomUUID } from 'node:crypto';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

export type Env = 'live' | 'test';
/** `prt_<tag>`: the tag is public and stands in every API key, so a key names its partner without a look-up. */
export type PartnerId = Branded<string, 'PartnerId'>;
/** `<partnerId>:<env>`: whose data it is. Every row, cache key and budget carries it; test never meets live. */
export type Tenant = Branded<string, 'Tenant'>;
/** Keyed hash of (tenant, userExternalId): the only form in which a partner's user id is kept. */
export type UserRef = Branded<string, 'UserRef'>;
/** A person's MIR account. */
export type IdentityId = Branded<string, 'IdentityId'>;
/** `<identityId>:<env>`: a person's links in one environment; test never meets live here either. */
export type IdentityRef = Branded<string, 'IdentityRef'>;
export type EventId = Branded<string, 'EventId'>;
/** One job's worth of accepted events of one tenant; also the BullMQ job id, hence no `:` and never all digits. */
export type ChunkId = Branded<string, 'ChunkId'>;
export type ReceiptId = Branded<string, 'ReceiptId'>;

const TAG_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const TAG_LENGTH = 12;

/** A partner's new public tag: 12 characters, 60 bits, none that are easily confused. */
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

export function envOf(tenant: Tenant): Env {
  return tenant.endsWith(':test') ? 'test' : 'live';
}

export function partnerOf(tenant: Tenant): PartnerId {
  return tenant.slice(0, tenant.indexOf(':')) as PartnerId;
}

export function identityRefOf(identityId: IdentityId, env: Env): IdentityRef {
  return `${identityId}:${env}` as IdentityRef;
}

/** A new chunk id: `c`, time in base 36 (so that ids made together lie together in an index), 80 random bits. */
export function newChunkId(nowMs: number): ChunkId {
  const random = randomUUID();
  return `c${nowMs.toString(36).padStart(9, '0')}${random.slice(0, 8)}${random.slice(24)}` as ChunkId;
}

/** A new prefixed id with 120 random bits, e.g. `app_…`. */
export function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}
