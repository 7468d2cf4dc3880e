import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { Tenant, UserRef } from './ids';

/** Characters of base64url that are kept of the HMAC: 132 bits. */
const REF_LENGTH = 22;

/** Keys derived from the operator's pepper, one per purpose, so that no two uses share a key. */
export interface Secrets {
  subject: KeyObject;
  receipt: KeyObject;
  cursor: KeyObject;
  /** Stored beside the data: tells that a store was made with another pepper, and nothing else of it. */
  fingerprint: string;
}

export function deriveSecrets(pepper: string): Secrets {
  const derive = (purpose: string): Buffer => createHmac('sha256', pepper).update(`mir/${purpose}/v1`).digest();
  return {
    subject: createSecretKey(derive('subject')),
    receipt: createSecretKey(derive('receipt')),
    cursor: createSecretKey(derive('cursor')),
    fingerprint: derive('fingerprint').toString('base64url').slice(0, REF_LENGTH),
  };
}

/** `usr_` + HMAC-SHA-256(pepper, partner | env | id): the same person at two partners has unrelated refs. */
export function userRefOf(key: KeyObject, tenant: Tenant, userExternalId: string): UserRef {
  const mac = createHmac('sha256', key).update(`${tenant}|${userExternalId}`).digest('base64url');
  return `usr_${mac.slice(0, REF_LENGTH)}` as UserRef;
}
