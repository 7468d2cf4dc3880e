import { QUEUE_NAMES } from '../../../shared/queue/queues';
import { createHash } from 'node:crypto';
import { envOf, type Tenant } from '../../../shared/domain/ids';
import type { Harness } from '../../support/harness';

/** Fields that reads change, and those that workers change as they attempt to deliver webhook messages. */
const VOLATILE = new Set(
  'lastActivityAt lastUsedAt attempts attemptLog leaseUntil leaseId nextLookAt failingSince lastError'.split(' '),
);

/** Its jobs change as messages are attempted again. */
const RETRIED_QUEUE = 'webhooks';

/** Collections in which requests are recorded later, also if they are rejected. */
const RECORDS_OF_REQUESTS = new Set(['rejected_events', 'omitted_rejections', 'usage']);

type Doc = Record<string, unknown>;

function isExpired({ expiresAt }: Doc): boolean {
  return expiresAt instanceof Date && expiresAt.getTime() <= Date.now();
}

/** Returns the tenant of a document, its partner, or the name of its collection if it belongs to neither. */
function ownerOf(collection: string, doc: Doc): string {
  return String(doc['tenant'] ?? (collection === 'partners' ? doc['_id'] : (doc['partnerId'] ?? collection)));
}

/** A hash of all documents by owner, and of the number of jobs in each queue. */
export type Fingerprint = Record<string, string>;

export async function fingerprint({ ctx }: Harness): Promise<Fingerprint> {
  const hashes: Record<string, ReturnType<typeof createHash>> = {};
  const add = (owner: string, text: string): void => void (hashes[owner] ??= createHash('sha256')).update(text);
  const collections = await ctx.store.connection.db!.collections();
  for (const collection of collections.sort((a, b) => (a.collectionName < b.collectionName ? -1 : 1))) {
    if (RECORDS_OF_REQUESTS.has(collection.collectionName)) continue;
    const docs = await collection.find().sort({ _id: 1 }).toArray();
    for (const doc of docs) {
      // MongoDB deletes expired documents at any time.
      if (isExpired(doc)) continue;
      const text = JSON.stringify(doc, (field, value: unknown) => (VOLATILE.has(field) ? undefined : value));
      add(ownerOf(collection.collectionName, doc), `${collection.collectionName} ${text}`);
    }
  }
  const jobs = await Promise.all(
    QUEUE_NAMES.filter((name) => name !== RETRIED_QUEUE).map(async (name) => [
      name,
      await ctx.queues[name].getJobCounts(),
    ]),
  );
  add('queues', JSON.stringify(jobs));
  return Object.fromEntries(Object.entries(hashes).map(([owner, hash]) => [owner, hash.digest('hex')]));
}

/** Returns the owners whose documents differ. */
export function changedOwners(before: Fingerprint, after: Fingerprint): string[] {
  const owners = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...owners].filter((owner) => before[owner] !== after[owner]);
}

/** Returns true for documents that a request of this tenant may change: its own, and its partner's. */
export function mayChange(owner: string, tenant: Tenant): boolean {
  const partnerId = tenant.slice(0, -envOf(tenant).length - 1);
  return owner === tenant || owner === partnerId;
}
