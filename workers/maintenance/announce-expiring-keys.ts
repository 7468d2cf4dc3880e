import { tenantOf } from '../../shared/domain/ids';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { ExpiryPosition } from '../../shared/store/expiry-cursors';
import { type ExpiringKey, keyIdOf } from '../../shared/store/partners';
import type { Store, StoreSession } from '../../shared/store/store';
import { announce } from '../../shared/webhooks/announce';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';

const DAY_MS = 24 * 3_600_000;
/** When a key's partner is notified, by the time before the key expires. */
const NOTICES = [
  { notice: 'week', daysLeft: 7 },
  { notice: 'day', daysLeft: 1 },
] as const;
/** Leaves time for transactions that create keys to commit, and for clocks that differ. */
const LAG_MS = 60_000;
/** Maximum number of keys that one run announces for each notice. Later runs announce the others. */
export const MAX_KEYS_PER_RUN = 100;

interface Deps {
  store: Pick<Store, 'partners' | 'expiryCursors' | 'webhooks' | 'deliveries' | 'transaction'>;
  queue: Pick<WakeUpQueue, 'add'>;
}

type Notice = (typeof NOTICES)[number];

/** Returns whether a notice still makes sense: after an outage, a key may expire soon, and gets only the last notice. */
function isUseful({ expiresAt, replacedAt }: ExpiringKey['key'], { daysLeft }: Notice, now: Date): boolean {
  const leftMs = expiresAt!.getTime() - now.getTime();
  return replacedAt === undefined && leftMs > (daysLeft === 7 ? DAY_MS : 0);
}

/** Announces the next keys that expire soon, and records how far this has come, in one transaction. */
async function announceNext({ store }: Deps, one: Notice, now: Date, session: StoreSession): Promise<string[]> {
  const { notice, daysLeft } = one;
  const through = new Date(now.getTime() - LAG_MS + daysLeft * DAY_MS);
  const after = await store.expiryCursors.get(notice, session);
  const next: ExpiryPosition = { at: through, hash: '' };
  // The first run: keys that expire earlier were created before MIR sent notices.
  if (after === null) {
    await store.expiryCursors.set(notice, next, session);
    return [];
  }
  if (after.at >= through) return [];
  const found = await store.partners.expiringKeys(after, through, MAX_KEYS_PER_RUN, session);
  const last = found.at(-1);
  const isPage = last !== undefined && found.length === MAX_KEYS_PER_RUN;
  await store.expiryCursors.set(notice, isPage ? { at: last.key.expiresAt!, hash: last.key.hash } : next, session);
  const deliveryIds: string[] = [];
  for (const { partnerId, key } of found) {
    if (!isUseful(key, one, now)) continue;
    const data = { keyId: keyIdOf(key), expiresAt: key.expiresAt!.toISOString(), daysLeft };
    const announcement = { tenant: tenantOf(partnerId, key.env), type: 'key.expiring' as const, data, at: now };
    deliveryIds.push(...(await announce({ store }, announcement, session)));
  }
  return deliveryIds;
}

/**
 * Sends `key.expiring` a week and a day before a key expires, exactly once each: the messages are stored in the
 * transaction that advances the position of the notice. Processes that run this at the same time conflict.
 */
export async function announceExpiringKeys(deps: Deps, now: Date): Promise<void> {
  for (const one of NOTICES) {
    const ids = await deps.store.transaction((session) => announceNext(deps, one, now, session), STORE_TIMEOUT_MS);
    wakeDeliveries(deps.queue, ids);
  }
}
