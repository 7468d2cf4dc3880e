import { hash as sha256 } from 'node:crypto';
import type { Tenant } from './ids';

/** Types of messages that an endpoint can receive. */
export const WEBHOOK_TYPES = [
  'link.confirmed',
  'link.removed',
  'agent.approval_requested',
  'agent.suspended',
  'agent.reactivated',
  'agent.revoked',
  'agent.key.rotated',
  'agent.expired',
  'cascade.started',
  'cascade.closed',
  'key.rotated',
  'key.revoked',
  'key.expiring',
  'receipt.failed',
  'erasure.requested',
  'erasure.done',
  'partner.suspended',
] as const;
export type WebhookType = (typeof WEBHOOK_TYPES)[number];

/** The type of test messages, which every endpoint can receive. */
export const WEBHOOK_TEST_TYPE = 'webhook.test';
export type MessageType = WebhookType | typeof WEBHOOK_TEST_TYPE;

/** Types for an endpoint that was set through `/partners/webhook`, unless its types were changed. */
export const LINK_WEBHOOK_TYPES: readonly WebhookType[] = ['link.confirmed', 'link.removed'];

/** Maximum number of endpoints per tenant. */
export const MAX_WEBHOOKS_PER_TENANT = 10;

/**
 * Maximum number of unfinished deliveries per endpoint. Further messages are kept, but not sent until the partner
 * recovers them. Concurrent changes can exceed it slightly.
 */
export const MAX_OPEN_DELIVERIES = 2_000;

export const DELIVERY_RETENTION_DAYS = 30;
export const DELIVERY_RETENTION_MS = DELIVERY_RETENTION_DAYS * 24 * 3_600_000;

/**
 * The endpoint that a delivery belongs to. Absent for the endpoint whose `_id` is the tenant, because deliveries from
 * earlier versions do not name their endpoint.
 */
export type EndpointRef = string | undefined;

/** Returns how deliveries refer to an endpoint. */
export function endpointRefOf(tenant: Tenant, endpointId: string): EndpointRef {
  return endpointId === tenant ? undefined : endpointId;
}

const ID_DIGITS = 32;

/** Returns the public ID of an endpoint. The `_id` of an endpoint from earlier versions is its tenant. */
export function webhookIdOf(endpointId: string): string {
  return endpointId.startsWith('whk_')
    ? endpointId
    : `whk_${sha256('sha256', `webhook-id:${endpointId}`).slice(0, ID_DIGITS)}`;
}

/** Returns an ID that is derived from `facts`, so that a repeated step finds what it already stored. */
export function derivedId(prefix: 'msg' | 'dlv', facts: readonly string[]): string {
  return `${prefix}_${sha256('sha256', JSON.stringify(facts)).slice(0, ID_DIGITS)}`;
}
