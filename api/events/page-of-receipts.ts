import type { z } from 'zod';
import type { ChunkId, Tenant } from '../../shared/domain/ids';
import {
  baseOf,
  chunkIdsOf,
  countOutcomes,
  hasFailures,
  type ReceiptFacts,
  signReceipt,
} from '../../shared/domain/receipt';
import { type ListPage, MAX_ROWS_EXAMINED, type PayForRows, type Position } from '../../shared/store/list-page';
import type { ListedPart, ReceiptPartDoc, ReceiptsFilter } from '../../shared/store/receipts';
import type { ApiContext } from '../context';
import { type listedReceiptSchema, type PartSummary, summarizePart, summarizeReceipt } from './present-receipt';

type ListedReceipt = z.input<typeof listedReceiptSchema>;
type Deps = Pick<ApiContext, 'store' | 'secrets'>;

/** A receipt of the page: its part, and its slot if the part is shared. */
interface Entry {
  part: ListedPart;
  slot: number | null;
}

/** Separates a chunk's ID from the slot after which the next page starts. */
const SLOT_SEPARATOR = '.';

/** The chunk at which the next page starts, and the slot down to which the previous pages have listed the chunk. */
function resumeAt({ id }: Position): { chunkId: ChunkId; slot: number | null } {
  const [chunkId, slot] = id.split(SLOT_SEPARATOR);
  return { chunkId: chunkId as ChunkId, slot: slot === undefined ? null : Number(slot) };
}

/**
 * Returns the first parts, up to those whose receipts fill the page. Also ends at the maximum number of events in shared
 * parts, which bounds the items to read when few of these events have failures.
 */
function partsOfPage(
  parts: readonly ListedPart[],
  limit: number,
  resumedSlot: number | null,
  withFailures: boolean,
): ListedPart[] {
  let receipts = 0;
  let events = 0;
  const end = parts.findIndex(({ batch, total, counts }, n) => {
    if (receipts > limit || events >= MAX_ROWS_EXAMINED) return true;
    const slots = n === 0 && resumedSlot !== null ? resumedSlot : (total ?? 0);
    if (batch) receipts += 1;
    else {
      receipts += withFailures && counts ? Math.min(slots, counts.conflicts + counts.failed) : slots;
      events += total ?? 0;
    }
    return false;
  });
  return end === -1 ? [...parts] : parts.slice(0, end);
}

/** Reads the items of the shared parts that have any. */
async function sharedItems(
  { store }: Deps,
  tenant: Tenant,
  parts: readonly ListedPart[],
): Promise<Map<ChunkId, ReceiptPartDoc['items']>> {
  const ids = parts.filter(({ batch, counts }) => !batch && counts).map(({ _id }) => _id);
  const found = ids.length > 0 ? await store.receipts.parts(tenant, ids) : [];
  return new Map(found.map(({ _id, items }) => [_id, items]));
}

/** Reads the summaries of all parts of the batches on the page, and pays for those that the list has not read. */
async function batchParts(
  { store }: Deps,
  tenant: Tenant,
  entries: readonly Entry[],
  pay: PayForRows,
): Promise<Map<ChunkId, PartSummary>> {
  const all = new Map<ChunkId, ListedPart>();
  const missing = new Set<ChunkId>();
  for (const { part } of entries) {
    if (!part.batch) continue;
    all.set(part._id, part);
    for (const id of chunkIdsOf(factsOf({ part, slot: null }))) missing.add(id);
  }
  for (const id of all.keys()) missing.delete(id);
  const others = missing.size > 0 ? await store.receipts.listed(tenant, [...missing]) : [];
  if (others.length > 0) await pay(others.length);
  for (const part of others) all.set(part._id, part);
  const none = countOutcomes([]);
  const summaries = [...all.values()].map(({ _id, total, settledAt, counts = none }) => {
    return [_id, { total, settledAt, counts }] as const;
  });
  return new Map(summaries);
}

function factsOf({ part, slot }: Entry): ReceiptFacts {
  const { chunks, accepted } = part.batch ?? { chunks: 1, accepted: 1 };
  return { base: baseOf(part._id), chunks, slot, accepted, receivedAtMs: part.receivedAt.getTime() };
}

/** Returns the slots of a shared part that are listed, highest first. */
function slotsOf(
  { total }: ListedPart,
  items: ReceiptPartDoc['items'],
  below: number | null,
  withFailures: boolean,
): number[] {
  const slots = withFailures
    ? items.filter((item) => hasFailures(countOutcomes([item]))).map(({ index }) => index)
    : Array.from({ length: total ?? 0 }, (_, slot) => slot);
  return slots.filter((slot) => below === null || slot < below).sort((a, b) => b - a);
}

/** Returns the position after the page's last receipt. */
function positionAfter({ part, slot }: Entry): Position {
  const id = slot === null || slot === 0 ? part._id : `${part._id}${SLOT_SEPARATOR}${slot}`;
  return { atMs: part.receivedAt.getTime(), id };
}

/**
 * Returns a page of receipts, most recently received first, without receipts of which no worker has finalized the first
 * chunk. Single events that share a chunk are listed one by one, so that a page can end within a chunk.
 *
 * With `withFailures`, several parts of a batch can be in the index. They follow each other, so the batch is listed for
 * the first of them only. A batch with failures is not listed until all of its chunks are finalized.
 */
export async function pageOfReceipts(
  deps: Deps,
  tenant: Tenant,
  filter: ReceiptsFilter,
  after: Position | null,
  limit: number,
  pay: PayForRows,
): Promise<Pick<ListPage<ListedReceipt>, 'rows' | 'next'>> {
  const { store, secrets } = deps;
  const { withFailures } = filter;
  const resumed = after && resumeAt(after);
  const [first, page] = await Promise.all([
    resumed?.slot == null ? [] : store.receipts.listed(tenant, [resumed.chunkId]),
    store.receipts.list(tenant, filter, resumed && { atMs: after.atMs, id: resumed.chunkId }, limit, pay),
  ]);
  const found = [...first, ...page.rows];
  const resumedSlot = first.length > 0 ? resumed!.slot : null;
  const parts = partsOfPage(found, limit, resumedSlot, withFailures);
  const items = await sharedItems(deps, tenant, parts);

  let lastBase = resumed && baseOf(resumed.chunkId);
  const entries: Entry[] = [];
  for (const [n, part] of parts.entries()) {
    if (part.batch) {
      if (baseOf(part._id) !== lastBase) entries.push({ part, slot: null });
    } else {
      const below = n === 0 ? resumedSlot : null;
      const slots = slotsOf(part, items.get(part._id) ?? [], below, withFailures);
      entries.push(...slots.map((slot) => ({ part, slot })));
    }
    lastBase = baseOf(part._id);
  }
  const shown = entries.slice(0, limit);
  const summaries = await batchParts(deps, tenant, shown, pay);

  const rows = shown.map((entry) => {
    const { part, slot } = entry;
    const facts = factsOf(entry);
    const own = part.batch
      ? chunkIdsOf(facts).flatMap((id) => summaries.get(id) ?? [])
      : [summarizePart({ ...part, items: items.get(part._id) ?? [] }, slot)];
    return summarizeReceipt(signReceipt(secrets.receipt, tenant, facts), facts, own);
  });
  const listed = withFailures ? rows.filter(({ status }) => status === 'DONE_WITH_FAILURES') : rows;
  if (entries.length > limit) return { rows: listed, next: positionAfter(shown.at(-1)!) };
  const last = parts.at(-1);
  if (last && parts.length < found.length) return { rows: listed, next: positionAfter({ part: last, slot: null }) };
  return { rows: listed, next: page.next };
}
