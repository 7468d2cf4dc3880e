import type { z } from 'zod';
import { type Env, envOf, type PartnerId, partnerOf } from '../../shared/domain/ids';
import { type ErasureDoc, MAX_COUNTED_ERASURES } from '../../shared/store/erasures';
import type { ApiContext } from '../context';
import { PublicError } from '../http/public-error';
import { encryptCursor, readCursor } from '../http/paging';
import { type ErasureProgress, readErasureProgress } from './erasure-progress';
import { type erasureSchema, presentErasure } from './present-erasure';

/** Erasures that take longer than this are reported to operators, by the alert MirOutboxStuck, too. */
export const LONG_ERASURE_MS = 15 * 60_000;

/** An erasure for operators. Does not identify the user. */
export interface ListedErasure extends z.output<typeof erasureSchema> {
  partnerId: PartnerId;
  /** The partner's name. Null if the partner no longer exists. */
  partnerName: string | null;
  environment: Env;
  progress: ErasureProgress;
}

type Deps = Pick<ApiContext, 'store' | 'secrets' | 'queueLink' | 'keys'>;

async function present(deps: Deps, rows: readonly ErasureDoc[], maxEvents: number): Promise<ListedErasure[]> {
  const [partners, progress] = await Promise.all([
    deps.store.partners.many([...new Set(rows.map(({ tenant }) => partnerOf(tenant)))]),
    readErasureProgress(deps, rows, maxEvents),
  ]);
  return rows.map((row, n) => {
    const partnerId = partnerOf(row.tenant);
    const partnerName = partners.get(partnerId)?.name ?? null;
    return { ...presentErasure(row), partnerId, partnerName, environment: envOf(row.tenant), progress: progress[n]! };
  });
}

/** Returns a page of the erasures of all partners: running ones oldest first, and finished ones newest first. */
export async function pageOfErasures(
  deps: Deps,
  { status, limit, cursor }: { status: ErasureDoc['status']; limit: number; cursor?: string | undefined },
): Promise<{ data: ListedErasure[]; nextCursor: string | null }> {
  const key = deps.secrets.cursor;
  const owner = `admin|erasures|${status}`;
  const { rows, next } = await deps.store.erasures.list(status, readCursor(key, owner, cursor), limit);
  // One event shows that events are left.
  const data = await present(deps, rows, 1);
  return { data, nextCursor: next && encryptCursor(key, owner, [next.atMs, next.id]) };
}

/** Returns an erasure of any partner. Throws 404 if it does not exist. */
export async function readAnyErasure(deps: Deps, receiptId: string, maxEvents: number): Promise<ListedErasure> {
  const row = await deps.store.erasures.byId(receiptId);
  if (!row)
    throw new PublicError('NOT_FOUND', 'Erasure not found. Check the receipt ID; the status is kept for 30 days.');
  return (await present(deps, [row], maxEvents))[0]!;
}

export interface ErasureCounts {
  running: number;
  /** Running for longer than `LONG_ERASURE_MS`. */
  late: number;
  /** Finished within the last 30 days, for which their status is kept. */
  done: number;
}

/** The largest number in `ErasureCounts`, which means "at least". */
export const MAX_COUNT = MAX_COUNTED_ERASURES;

/** Counts the erasures of all partners. */
export async function countErasures({ store }: Pick<Deps, 'store'>, nowMs: number): Promise<ErasureCounts> {
  const [running, late, done] = await Promise.all([
    store.erasures.count('RUNNING'),
    store.erasures.count('RUNNING', new Date(nowMs - LONG_ERASURE_MS)),
    store.erasures.count('DONE'),
  ]);
  return { running, late, done };
}
