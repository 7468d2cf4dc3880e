import { type EndpointRef, endpointRefOf, MAX_OPEN_DELIVERIES } from '../../shared/domain/webhook';
import type { Tenant } from '../../shared/domain/ids';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import type { DueDelivery } from '../../shared/store/deliveries';
import type { Store } from '../../shared/store/store';
import type { WebhookDoc } from '../../shared/store/webhooks';
import { wakeForAttempt } from '../../shared/webhooks/wake-deliveries';

/** Maximum number of endpoints that one run recovers, starting with those that have waited longest. */
const MAX_ENDPOINTS_PER_RUN = 50;
/** Maximum number of deliveries of an endpoint that one run restarts. */
const PAGE_DELIVERIES = 500;
/**
 * How long a recovery looks for more messages after the request. Longer than a transaction that stored a message for the
 * disabled endpoint can take to commit.
 */
export const RECOVERY_GRACE_MS = 60_000;

interface Deps {
  store: Pick<Store, 'webhooks' | 'deliveries'>;
  queue: Pick<WakeUpQueue, 'add'>;
}

async function restart(
  { store, queue }: Deps,
  tenant: Tenant,
  endpointId: EndpointRef,
  found: readonly DueDelivery[],
  now: Date,
): Promise<void> {
  if (found.length === 0) return;
  const ids = found.map(({ _id }) => _id);
  await store.deliveries.restart(tenant, endpointId, ids, now, now);
  for (const one of found) await wakeForAttempt(queue, { ...one, round: (one.round ?? 0) + 1 });
}

/** Restarts a page of an endpoint's missed deliveries, within the limit on unfinished ones. */
async function recoverPage(deps: Deps, webhook: WebhookDoc): Promise<void> {
  const { deliveries, webhooks } = deps.store;
  const { since, until } = webhook.recovery!;
  const tenant = webhook.tenant ?? (webhook._id as Tenant);
  const endpointId = endpointRefOf(tenant, webhook._id);
  const now = new Date();
  // Those that wait for a retry are unfinished already.
  const waiting = await deliveries.missed(tenant, endpointId, { since, until, now, waiting: true }, PAGE_DELIVERIES);
  await restart(deps, tenant, endpointId, waiting, now);
  const room = MAX_OPEN_DELIVERIES - (await deliveries.countUnfinished(tenant, endpointId));
  if (room <= 0) return;
  const limit = Math.min(room, PAGE_DELIVERIES);
  const ended = await deliveries.missed(tenant, endpointId, { since, until, now, waiting: false }, limit);
  await restart(deps, tenant, endpointId, ended, now);
  const isDone = waiting.length + ended.length === 0 && now.getTime() - until.getTime() > RECOVERY_GRACE_MS;
  if (isDone) await webhooks.endRecovery(webhook);
}

/**
 * Continues the recoveries that partners requested, by one page each. Safe to interrupt, and to run in several processes,
 * because a recovery restarts each delivery once.
 */
export async function recoverDeliveries(deps: Deps): Promise<void> {
  for (const webhook of await deps.store.webhooks.recovering(MAX_ENDPOINTS_PER_RUN)) await recoverPage(deps, webhook);
}
