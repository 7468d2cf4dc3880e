import { hash } from 'node:crypto';
import { type ChunkId, envOf, type EventId, type Tenant } from './ids';
import type { KeyedHash } from './subject';

/** Returns the id of an event without an idempotency key, which its chunk and index make unique. */
export function serverEventId(tenant: Tenant, chunkId: ChunkId, index: number): EventId {
  return `evt_${envOf(tenant)}_${chunkId}.${index.toString(36)}` as EventId;
}

/** Position of the letter that identifies the derivation, after `evt_live_` or `evt_test_`. */
const DERIVATION_AT = 'evt_live_'.length;
const DIGEST_LENGTH = 24;

/**
 * Returns the id of an event with an idempotency key, which is the same for every repeat. It is an HMAC, so a copy of
 * the database does not let anyone confirm a guessed key. Each agent's keys are a separate namespace. In a database of
 * an earlier version, pass the former id as `key`, because jobs of that version do not contain the key.
 */
export function keyedEventId(hmac: KeyedHash, tenant: Tenant, agentId: string | null, key: string | EventId): EventId {
  const digest = hmac(`${tenant}|${agentId ?? ''}|${key}`).slice(0, DIGEST_LENGTH);
  return `evt_${envOf(tenant)}_h${digest}` as EventId;
}

/**
 * Returns the id that earlier versions gave an event with an idempotency key. Anyone can compute it from the key, and a
 * partner and its agents get the same id for the same key.
 */
export function formerEventId(tenant: Tenant, idempotencyKey: string): EventId {
  const digest = hash('sha256', `${tenant}|${idempotencyKey}`, 'base64url').slice(0, DIGEST_LENGTH);
  return `evt_${envOf(tenant)}_k${digest}` as EventId;
}

/** Returns true for ids that `formerEventId` created. */
export function isFormerId(eventId: EventId): boolean {
  return eventId[DERIVATION_AT] === 'k';
}
