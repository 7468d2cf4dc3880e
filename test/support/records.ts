import { newId, type PartnerId, type Tenant, tenantOf, type UserRef } from '../../shared/domain/ids';
import type { DeliveryDoc } from '../../shared/store/deliveries';
import type { ErasureDoc } from '../../shared/store/erasures';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { WebhookDoc } from '../../shared/store/webhooks';
import type { Harness } from './harness';

type Mir = Pick<Harness, 'ctx'>;

const DAY_MS = 86_400_000;

/** Inserts an erasure that no worker picks up within the test. */
export async function insertErasure(
  { ctx }: Mir,
  tenant: Tenant,
  { ageMs = 60_000, ...changes }: Partial<ErasureDoc> & { ageMs?: number } = {},
): Promise<ErasureDoc> {
  const now = Date.now();
  const erasure: ErasureDoc = {
    _id: newId('ers_live'),
    tenant,
    userRef: newId('usr') as UserRef,
    erasedAt: new Date(now - ageMs),
    status: 'RUNNING',
    eventsErased: 0,
    // Sweeps consider rows due that are scheduled more than a minute ahead.
    nextLookAt: new Date(now + 55_000),
    expireAt: new Date(now + DAY_MS),
    ...changes,
  };
  await ctx.store.transaction((session) => ctx.store.erasures.insert(erasure, session), STORE_TIMEOUT_MS);
  return erasure;
}

/** Inserts a finished erasure that took one minute, and does not name the user. */
export async function insertDoneErasure(mir: Mir, tenant: Tenant): Promise<ErasureDoc> {
  const settledAt = new Date();
  const erasedAt = new Date(settledAt.getTime() - 60_000);
  const erasure = await insertErasure(mir, tenant, { status: 'DONE', eventsErased: 12, erasedAt, settledAt });
  await mir.ctx.store.erasures.model.updateOne({ _id: erasure._id }, { $unset: { userRef: 1 } });
  return erasure;
}

let slots = 0;

/** Inserts a webhook endpoint of a partner's live environment, to which no message is sent. */
export async function insertEndpoint(
  { ctx }: Mir,
  { partnerId }: { partnerId: PartnerId },
  changes: Partial<WebhookDoc> = {},
): Promise<WebhookDoc & { tenant: Tenant }> {
  slots += 1;
  const tenant = tenantOf(partnerId, 'live');
  const endpoint = {
    _id: newId('whk'),
    tenant,
    slot: slots,
    url: 'https://hooks.harbour.example/mir/secret-path',
    sealedSecret: 'sealed',
    types: null,
    createdAt: new Date(Date.now() - DAY_MS),
    ...changes,
  };
  await ctx.store.transaction((session) => ctx.store.webhooks.insert(endpoint, session), STORE_TIMEOUT_MS);
  return endpoint;
}

/** Inserts a message to an endpoint that no worker sends within the test. */
export async function insertDelivery(
  { ctx }: Mir,
  { _id, tenant }: Pick<WebhookDoc, '_id'> & { tenant: Tenant },
  changes: Partial<DeliveryDoc> = {},
): Promise<void> {
  const now = Date.now();
  const delivery: DeliveryDoc = {
    _id: newId('dlv'),
    tenant,
    endpointId: _id,
    type: 'link.confirmed',
    body: '{}',
    status: 'FAILED',
    attempts: 0,
    nextLookAt: new Date(now + DAY_MS),
    createdAt: new Date(now),
    expireAt: new Date(now + DAY_MS),
    ...changes,
  };
  await ctx.store.transaction((session) => ctx.store.deliveries.insert([delivery], session), STORE_TIMEOUT_MS);
}
