import { newId, type Tenant, type UserRef } from '../domain/ids';
import { DELIVERY_RETENTION_MS, derivedId, endpointRefOf, type MessageType, type WebhookType } from '../domain/webhook';
import { type DeliveryDoc, openStatusOf } from '../store/deliveries';
import { isReceiver, type ReceiverDoc } from '../store/receivers';
import type { Store, StoreSession } from '../store/store';
import { typesOf, type WebhookDoc } from '../store/webhooks';

/** Delay before the sweep picks up a new message, so that the message's own job can deliver it first. */
export const FIRST_SWEEP_AFTER_MS = 15_000;

/** A message for all endpoints of a tenant that are subscribed to its type. */
export interface Announcement {
  tenant: Tenant;
  type: WebhookType;
  /** Never contains secrets, user IDs of the partner, or addresses. */
  data: Readonly<Record<string, unknown>>;
  at: Date;
  /** The user whom the message concerns. Their erasure deletes it. */
  userRef?: UserRef;
  /** Delays the message by this time, for all endpoints. Until then, the partner does not see it in any list. */
  delayMs?: number;
  /** Receivers that get the message as a push, whatever the types of the tenant's endpoints. */
  receivers?: readonly ReceiverDoc[];
  /** The kill that the message announces to receivers. */
  cascadeId?: string;
}

type Message = Omit<Announcement, 'type' | 'receivers'> & { type: MessageType };

type Deps = { store: Pick<Store, 'webhooks' | 'deliveries'> };

/** Returns the ID of a message or delivery. `facts` distinguish it from others. */
type NewMessageId = (prefix: 'msg' | 'dlv', facts: readonly string[]) => string;

/** Builds the delivery of a message to one endpoint. A skipped delivery is kept, so that the partner can recover it. */
function deliveryOf(
  { tenant, type, data, at, userRef, delayMs, cascadeId }: Message,
  endpoint: WebhookDoc,
  { messageId, idOf, skipped }: { messageId: string; idOf: NewMessageId; skipped: boolean },
): DeliveryDoc {
  const endpointId = endpointRefOf(tenant, endpoint._id);
  const nextLookAt = new Date(Date.now() + (delayMs ?? FIRST_SWEEP_AFTER_MS));
  return {
    // Earlier versions send the ID of the delivery as the ID of the message.
    ...(endpointId === undefined
      ? { _id: messageId }
      : { _id: idOf('dlv', [messageId, endpointId]), endpointId, messageId }),
    tenant,
    ...(userRef && { userRef }),
    ...(endpoint.format && { format: endpoint.format, ...(cascadeId && { cascadeId }) }),
    type,
    body: JSON.stringify({ type, timestamp: at.toISOString(), data }),
    status: skipped ? 'SKIPPED' : openStatusOf(endpointId),
    attempts: 0,
    nextLookAt,
    ...(delayMs !== undefined && { visibleAt: nextLookAt }),
    createdAt: at,
    expireAt: new Date(at.getTime() + DELIVERY_RETENTION_MS),
  };
}

async function deliveriesOf(
  { store }: Deps,
  { tenant, type, receivers = [], ...facts }: Announcement,
  idOf: NewMessageId,
  session?: StoreSession,
): Promise<DeliveryDoc[]> {
  const isSubscribed = (webhook: WebhookDoc): boolean => typesOf(webhook)?.includes(type) ?? true;
  const subscribed = (await store.webhooks.ofTenant(tenant, session)).filter(isSubscribed);
  const endpoints: WebhookDoc[] = [...subscribed, ...receivers];
  if (endpoints.length === 0) return [];
  const refs = endpoints.map(({ _id }) => endpointRefOf(tenant, _id));
  const full = await store.deliveries.fullEndpoints(tenant, refs);
  const messageId = idOf('msg', [tenant, type]);
  return endpoints.map((endpoint, n) => {
    // A kill is pushed in any case: it is one row beside that of the kill itself.
    const isKill = isReceiver(endpoint) && facts.cascadeId !== undefined;
    const skipped = endpoint.disabledAt !== undefined || (full.has(refs[n]) && !isKill);
    return deliveryOf({ tenant, type, ...facts }, endpoint, { messageId, idOf, skipped });
  });
}

/** Returns the deliveries to send at once. The sweep sends delayed ones when they are due. */
function toWake(deliveries: readonly DeliveryDoc[], { delayMs }: Announcement): string[] {
  if (delayMs !== undefined) return [];
  return deliveries.filter(({ status }) => status !== 'SKIPPED').map(({ _id }) => _id);
}

/**
 * Inserts a message in the transaction of the change that it announces, with one delivery for each endpoint that is
 * subscribed to its type, at most `MAX_WEBHOOKS_PER_TENANT`, and one for each receiver. Returns the IDs of the
 * deliveries to wake up a worker for after the commit; see `wakeDeliveries`. A lost wake-up only delays them.
 */
export async function announce(deps: Deps, announcement: Announcement, session: StoreSession): Promise<string[]> {
  const deliveries = await deliveriesOf(deps, announcement, (prefix) => newId(prefix), session);
  await deps.store.deliveries.insert(deliveries, session);
  return toWake(deliveries, announcement);
}

/**
 * Inserts a message about a step that is repeated until it succeeds and has no transaction. `stepId` identifies the
 * step, so that a repetition does not insert the message again.
 */
export async function announceStep(deps: Deps, stepId: string, announcement: Announcement): Promise<string[]> {
  const idOf: NewMessageId = (prefix, facts) => derivedId(prefix, [stepId, ...facts]);
  const deliveries = await deliveriesOf(deps, announcement, idOf);
  await deps.store.deliveries.insertMissing(deliveries);
  return toWake(deliveries, announcement);
}

/** Inserts a message for one endpoint, regardless of its types. Returns the delivery. */
export async function announceTo(
  { store }: Deps,
  webhook: WebhookDoc,
  message: Message,
  session: StoreSession,
): Promise<DeliveryDoc> {
  const messageId = newId('msg');
  const idOf: NewMessageId = (prefix) => newId(prefix);
  const delivery = deliveryOf(message, webhook, { messageId, idOf, skipped: false });
  await store.deliveries.insert([delivery], session);
  return delivery;
}
