import type { ApiContext } from '../../../api/context';
import { type ChunkId, partnerIdOf, type Tenant, tenantOf } from '../../../shared/domain/ids';
import type { EventDoc } from '../../../shared/store/events';
import { FIRST_OCCURRED_AT_MS, submitted } from '../events';
import { FILLED_BEFORE_MS, PER_CHUNK, storedEvent } from '../fill';

const TENANT_LETTERS = 'abcdefghijkmnpqrstuv';
/** Owners of the stored events. Their IDs are fixed, so that a later run continues with the same tenants. */
export const TENANTS: readonly Tenant[] = Array.from(TENANT_LETTERS, (letter) =>
  tenantOf(partnerIdOf(`benchtenant${letter}`), 'live'),
);
/** Users of each tenant to whom measured events belong. The same at every size, so that commits do the same work. */
export const MEASURED_USERS = 1_000;

const EVENTS_PER_USER = 30;
const CHUNK_DIGITS = 10;
const PER_INSERT = 2_000;
const PROGRESS_MS = 10_000;
const DUPLICATE_KEY = 11_000;
/** Fast writes: the progress row is written after the events, so a crash at most repeats inserts of the same IDs. */
const FAST = { writeConcern: { w: 1 } } as const;

/** Returns the chunk of the nth event. Its ID depends only on `n`, and IDs grow with `n`, as those of real chunks do. */
function chunkOf(n: number): { tenant: Tenant; chunkId: ChunkId } {
  const chunk = Math.floor(n / PER_CHUNK);
  const chunkId = `cfill${chunk.toString(36).padStart(CHUNK_DIGITS, '0')}` as ChunkId;
  return { tenant: TENANTS[chunk % TENANTS.length]!, chunkId };
}

interface ProgressDoc {
  _id: 'fill';
  events: number;
}

function ignoreDuplicates(error: unknown): void {
  const { writeErrors } = error as { writeErrors?: { code: number }[] | { code: number } };
  const codes = [writeErrors ?? []].flat().map(({ code }) => code);
  if (codes.length === 0 || codes.some((code) => code !== DUPLICATE_KEY)) throw error;
}

/** Returns the database's own collections and those of the driver-only loop, which hold the same rows. */
function collectionsOf({ store }: ApiContext) {
  const of = <Row extends { _id: string }>(name: string) => store.connection.collection<Row>(name);
  return {
    events: [of<EventDoc>(store.events.model.collection.collectionName), of<EventDoc>('loop_events')],
    users: [of(store.users.model.collection.collectionName), of('loop_users')],
    progress: of<ProgressDoc>('bench_fill'),
  };
}

async function fillUsers(ctx: ApiContext, usersPerTenant: number): Promise<void> {
  const { users } = collectionsOf(ctx);
  const row = {
    eventCount: EVENTS_PER_USER,
    firstEventAt: new Date(FIRST_OCCURRED_AT_MS),
    lastEventAt: new Date(FIRST_OCCURRED_AT_MS),
    revision: 1,
  };
  for (const tenant of TENANTS) {
    for (let from = 0; from < usersPerTenant; from += PER_INSERT) {
      const writes = Array.from({ length: Math.min(PER_INSERT, usersPerTenant - from) }, (_, n) => {
        const _id: string = ctx.secrets.userRef(tenant, `user-${from + n}`);
        return { updateOne: { filter: { _id }, update: { $setOnInsert: { tenant, ...row } }, upsert: true } };
      });
      await Promise.all(users.map((collection) => collection.bulkWrite(writes, { ordered: false, ...FAST })));
    }
  }
}

/**
 * Fills a database up to `size` stored events, both in the product's collections and in those of the driver-only loop.
 * Continues where an earlier run stopped, and deletes events that an interrupted measurement left behind.
 */
export async function fillTo(ctx: ApiContext, size: number, onProgress: (line: string) => void): Promise<void> {
  const { events, progress } = collectionsOf(ctx);
  const measured = { tenant: { $in: [...TENANTS] }, receivedAt: { $gte: new Date(FILLED_BEFORE_MS) } };
  for (const collection of events) await collection.deleteMany(measured);
  const usersPerTenant = Math.max(MEASURED_USERS, Math.ceil(size / EVENTS_PER_USER / TENANTS.length));
  const found = (await progress.findOne({ _id: 'fill' }))?.events ?? 0;
  if (found === 0) await fillUsers(ctx, usersPerTenant);
  let reportedAt = performance.now();
  for (let from = found; from < size; from += PER_INSERT) {
    const page = Array.from({ length: Math.min(PER_INSERT, size - from) }, (_, index) => {
      const n = from + index;
      return storedEvent(ctx, { ...chunkOf(n), n }, submitted(n, usersPerTenant));
    });
    await Promise.all(
      events.map((collection) => collection.insertMany(page, { ordered: false, ...FAST }).catch(ignoreDuplicates)),
    );
    await progress.updateOne({ _id: 'fill' }, { $set: { events: from + page.length } }, { upsert: true });
    if (performance.now() - reportedAt > PROGRESS_MS) {
      onProgress(`filled ${(from + page.length).toLocaleString('en')} of ${size.toLocaleString('en')} events`);
      reportedAt = performance.now();
    }
  }
}
