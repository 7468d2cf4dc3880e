import { QUEUE_NAMES } from '../../../shared/queue/queues';
import { BSON } from 'mongodb';
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

/** All documents as stored, by collection, and the number of jobs in each queue. */
export interface Fingerprint {
  documents: Map<string, Set<string>>;
  jobs: string;
}

/** Reads everything. Does not parse it, because the matrix does this hundreds of times. */
export async function fingerprint({ ctx }: Harness): Promise<Fingerprint> {
  const documents: Fingerprint['documents'] = new Map();
  for (const collection of await ctx.store.connection.db!.collections()) {
    if (RECORDS_OF_REQUESTS.has(collection.collectionName)) continue;
    const raw = (await collection.find({}, { raw: true }).toArray()) as unknown as Buffer[];
    documents.set(collection.collectionName, new Set(raw.map((bytes) => bytes.toString('latin1'))));
  }
  const jobs = await Promise.all(
    QUEUE_NAMES.filter((name) => name !== RETRIED_QUEUE).map(async (name) => [
      name,
      await ctx.queues[name].getJobCounts(),
    ]),
  );
  return { documents, jobs: JSON.stringify(jobs) };
}

/** Returns the documents that are stored in `one` but not in `other`, by owner, without what is volatile in them. */
function onlyIn(one: Fingerprint, other: Fingerprint): Map<string, string> {
  const texts = new Map<string, string[]>();
  for (const [collection, documents] of one.documents) {
    for (const bytes of documents) {
      if (other.documents.get(collection)?.has(bytes)) continue;
      const doc: Doc = BSON.deserialize(Buffer.from(bytes, 'latin1'));
      // MongoDB deletes expired documents at any time.
      if (isExpired(doc)) continue;
      const text = JSON.stringify(doc, (field, value: unknown) => (VOLATILE.has(field) ? undefined : value));
      const owner = ownerOf(collection, doc);
      texts.set(owner, [...(texts.get(owner) ?? []), `${collection} ${text}`]);
    }
  }
  const sorted = (all: readonly string[]): string => all.toSorted((a, b) => (a < b ? -1 : 1)).join('\n');
  return new Map([...texts].map(([owner, all]) => [owner, sorted(all)]));
}

/** Returns the owners whose documents differ. */
export function changedOwners(before: Fingerprint, after: Fingerprint): string[] {
  const [gone, added] = [onlyIn(before, after), onlyIn(after, before)];
  const owners = new Set([...gone.keys(), ...added.keys()]);
  const changed = [...owners].filter((owner) => gone.get(owner) !== added.get(owner));
  return before.jobs === after.jobs ? changed : [...changed, 'queues'];
}

/** Returns true for documents that a request of this tenant may change: its own, and its partner's. */
export function mayChange(owner: string, tenant: Tenant): boolean {
  const partnerId = tenant.slice(0, -envOf(tenant).length - 1);
  return owner === tenant || owner === partnerId;
}
