import { hash } from 'node:crypto';
import { type ChunkId, envOf, type EventId, type Tenant } from './ids';
import type { KeyedHash } from './subject';

/** Returns the ID of an event without an idempotency key. The chunk ID and the index make it unique. */
export function serverEventId(tenant: Tenant, chunkId: ChunkId, index: number): EventId {
  return `evt_${envOf(tenant)}_${chunkId}.${index.toString(36)}` as EventId;
}

/**
 * Position of the letter after `evt_live_` or `evt_test_`, which distinguishes keyed IDs (`h`) from former IDs (`k`).
 */
const DERIVATION_AT = 'evt_live_'.length;
const DIGEST_LENGTH = 24;

/**
 * Derives an event's ID from its idempotency key, so a resubmitted event gets the same ID. The ID is an HMAC, so a copy
 * of the database is not enough to confirm a guessed key. Each agent has its own key namespace. If an earlier version
 * created the database, pass the former ID as `key`, because jobs from that version do not contain the key.
 */
export function keyedEventId(hmac: KeyedHash, tenant: Tenant, agentId: string | null, key: string | EventId): EventId {
  const digest = hmac(`${tenant}|${agentId ?? ''}|${key}`).slice(0, DIGEST_LENGTH);
  return `evt_${envOf(tenant)}_h${digest}` as EventId;
}

/**
 * Returns the ID that earlier versions assigned to an event with an idempotency key. Anyone can compute it from the
 * key, and a partner and its agents get the same ID for the same key.
 */
export function formerEventId(tenant: Tenant, idempotencyKey: string): EventId {
  const digest = hash('sha256', `${tenant}|${idempotencyKey}`, 'base64url').slice(0, DIGEST_LENGTH);
  return `evt_${envOf(tenant)}_k${digest}` as EventId;
}

/** Returns whether an ID was created by `formerEventId`. */
export function isFormerId(eventId: EventId): boolean {
  return eventId[DERIVATION_AT] === 'k';
}
