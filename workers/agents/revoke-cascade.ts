import type { Door } from '../../shared/access/door';
import { partnerOf, tagOf } from '../../shared/domain/ids';
import { messageOf } from '../../shared/platform/errors';
import type { Log } from '../../shared/platform/log';
import type { Metrics } from '../../shared/platform/metrics';
import { withPatience } from '../../shared/platform/patience';
import type { CascadeDoc } from '../../shared/store/cascades';
import { classifyStoreError } from '../../shared/store/errors';
import type { Store } from '../../shared/store/store';
import { revokePage } from './revoke-page';

const PAGE = 1_000;
const PAGES_IN_FLIGHT = 2;
const MAX_PARKED = 1_000;

export interface CascadeDeps {
  store: Pick<Store, 'transaction' | 'agents' | 'audit' | 'cascades'>;
  door: Pick<Door, 'whileHeld'>;
  log: Log;
  metrics: Metrics;
  signal: AbortSignal;
}

/** The order was written but not confirmed in force (queue store away, process died): does that first. */
async function ensureInForce(
  { store, door }: CascadeDeps,
  { _id, tenant, agentId, effectiveAt }: CascadeDoc,
): Promise<void> {
  if (effectiveAt) return;
  const { doneAtMs } = await door.whileHeld(tagOf(partnerOf(tenant)), { nodes: [agentId] }, () => Promise.resolve());
  await store.cascades.update(_id, { effectiveAt: new Date(doneAtMs) });
}

/** Revokes a page; what the store refuses is split off until the agents at fault stand alone and are parked. */
async function revokeOrPark(
  deps: CascadeDeps,
  cascade: CascadeDoc,
  ids: string[],
  parked: Set<string>,
): Promise<number> {
  const { store, log, signal } = deps;
  try {
    return await withPatience(() => revokePage(store, cascade, ids), {
      what: 'cascade page',
      log,
      signal,
      isFatal: (error) => classifyStoreError(error) === 'rejected',
    });
  } catch (error) {
    if (signal.aborted || classifyStoreError(error) !== 'rejected') throw error;
    if (ids.length === 1) {
      log.error(
        { cascadeId: cascade._id, agentId: ids[0], err: messageOf(error) },
        'an agent could not be revoked; parked',
      );
      if (parked.size < MAX_PARKED) parked.add(ids[0]!);
      return 0;
    }
    const middle = Math.ceil(ids.length / 2);
    const left = await revokeOrPark(deps, cascade, ids.slice(0, middle), parked);
    return left + (await revokeOrPark(deps, cascade, ids.slice(middle), parked));
  }
}

/** One pass over what is alive: pages in a bounded number of transactions at once. Answers how many it revoked. */
async function pass(
  deps: CascadeDeps,
  cascade: CascadeDoc,
  parked: Set<string>,
  onRevoked: (count: number) => Promise<void>,
): Promise<number> {
  const { store, metrics } = deps;
  const running = new Set<Promise<void>>();
  let revoked = 0;
  let failure: unknown;
  const start = async (ids: string[]): Promise<void> => {
    const work = revokeOrPark(deps, cascade, ids, parked)
      .then(async (count) => {
        revoked += count;
        metrics.agentsRevoked.inc(count);
        await onRevoked(count);
      })
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => running.delete(work));
    running.add(work);
    if (running.size >= PAGES_IN_FLIGHT) await Promise.race(running);
  };
  let page = [cascade.agentId];
  for await (const { _id } of store.agents.descendantsAlive(cascade.agentId, PAGE)) {
    if (parked.has(_id)) continue;
    page.push(_id);
    if (page.length < PAGE) continue;
    await start(page);
    page = [];
    if (failure) break;
  }
  if (page.length > 0 && !failure) await start(page);
  await Promise.all(running);
  if (failure) throw failure;
  return revoked;
}

/**
 * Materialises a kill: nulls every key hash below the killed agent, one audit entry each, in bounded pages. May be
 * stopped and started anywhere; it repeats until a pass finds nothing, so nothing that raced in is left.
 */
export async function revokeCascade(deps: CascadeDeps, cascadeId: string): Promise<void> {
  const { store, metrics, log } = deps;
  const cascade = await store.cascades.byId(cascadeId);
  if (!cascade || cascade.closedAt) return;
  await ensureInForce(deps, cascade);
  let revoked = await store.audit.countOfCascade(cascadeId);
  if (cascade.affected === null) {
    const { byStatus } = await store.agents.preview(cascade.agentId);
    const alive = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
    await store.cascades.update(cascadeId, { affected: revoked + alive, revoked });
  }
  const parked = new Set<string>();
  const onRevoked = async (count: number): Promise<void> => {
    revoked += count;
    await store.cascades.update(cascadeId, { revoked });
  };
  while ((await pass(deps, cascade, parked, onRevoked)) > 0);
  const audited = await store.audit.countOfCascade(cascadeId);
  const counts = { affected: audited + parked.size, revoked: audited, parked: [...parked] };
  if (parked.size > 0) {
    await store.cascades.update(cascadeId, { ...counts, status: 'PARTIAL' });
    log.error({ cascadeId, parked: parked.size }, 'a cascade is partial; it will be tried again');
    return;
  }
  const closedAt = new Date();
  await store.cascades.update(cascadeId, { ...counts, status: 'CLOSED', closedAt });
  metrics.cascadeSeconds.observe((closedAt.getTime() - cascade.createdAt.getTime()) / 1000);
}
