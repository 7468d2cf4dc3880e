import { hash } from 'node:crypto';
import { type ChunkId, envOf, type EventId, type Tenant } from './ids';
import type { KeyedHash } from './subject';

/** Id of an event without idempotency key: its chunk and place, unique by construction. */
export function serverEventId(tenant: Tenant, chunkId: ChunkId, index: number): EventId {
  return `evt_${envOf(tenant)}_${chunkId}.${index.toString(36)}` as EventId;
}

/** Where the letter of the derivation is in `evt_live_…` and `evt_test_…`. */
const DERIVATION_AT = 'evt_live_'.length;
const DIGEST_LENGTH = 24;

/**
 * Returns the id of an event with an idempotency key, the same for every repeat. It is an HMAC, so a copy of the store
 * does not allow anyone to confirm a guessed key, and the keys of each agent are a namespace of their own. In a store of
 * an earlier version the former id replaces the key, because jobs of that version do not carry the key.
 */
export function keyedEventId(hmac: KeyedHash, tenant: Tenant, agentId: string | null, key: string | EventId): EventId {
  const digest = hmac(`${tenant}|${agentId ?? ''}|${key}`).slice(0, DIGEST_LENGTH);
  return `evt_${envOf(tenant)}_h${digest}` as EventId;
}

/**
 * Returns the id that earlier versions gave an event with an idempotency key. Anyone can compute it from the key, and a
 * partner and its agents share it.
 */
export function formerEventId(tenant: Tenant, idempotencyKey: string): EventId {
  const digest = hash('sha256', `${tenant}|${idempotencyKey}`, 'base64url').slice(0, DIGEST_LENGTH);
  return `evt_${envOf(tenant)}_k${digest}` as EventId;
}

/** Returns true for an id that `formerEventId` made. */
export function isFormerId(eventId: EventId): boolean {
  return eventId[DERIVATION_AT] === 'k';
}
