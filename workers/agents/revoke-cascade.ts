import type { Authorizer } from '../../shared/authz/authorizer';
import { partnerOf, tagOf } from '../../shared/domain/ids';
import type { Metrics } from '../../shared/metrics/metrics';
import { openRegisteredSession, type SessionDeps } from '../../shared/locks/session-registry';
import type { Subtree } from '../../shared/store/agent-tree';
import type { CascadeDoc } from '../../shared/store/cascades';
import { revokeInPages, type RevokeDeps } from './revoke-in-pages';

/** Transactions of one cascade at once. */
const PAGES_IN_FLIGHT = 2;
/** Progress is written at most this often, for whoever watches. */
const PROGRESS_EVERY_MS = 500;
/** A cascade with parked agents is tried again after this long, then twice as long, up to the last. */
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 600_000;

export interface CascadeDeps extends RevokeDeps, SessionDeps {
  store: RevokeDeps['store'] & SessionDeps['store'];
  authorizer: Pick<Authorizer, 'withInvalidation'>;
  metrics: Pick<Metrics, 'agentsRevoked' | 'cascadeSeconds'>;
}

/** The order was written but not confirmed in force (queue store away, process died): does that first. */
async function ensureInForce(
  { store, authorizer }: CascadeDeps,
  { _id, tenant, agentId, effectiveAt }: CascadeDoc,
): Promise<void> {
  if (effectiveAt) return;
  const { doneAtMs } = await authorizer.withInvalidation(tagOf(partnerOf(tenant)), { nodes: [agentId] }, () =>
    Promise.resolve(),
  );
  await store.cascades.inForceSince(_id, new Date(doneAtMs));
}

/** Writes the count now and then, one write at a time. Nothing depends on it. */
function progressWriter({ store, log }: CascadeDeps, cascadeId: string): (revoked: number) => void {
  let busy = false;
  let writtenAt = 0;
  return (revoked) => {
    if (busy || performance.now() - writtenAt < PROGRESS_EVERY_MS) return;
    busy = true;
    store.cascades
      .recordProgress(cascadeId, revoked)
      .catch((error: unknown) => log.warn({ err: error, cascadeId }, 'progress was not written'))
      .finally(() => {
        busy = false;
        writtenAt = performance.now();
      });
  };
}

/** Ends a try: closed when nothing is alive any more, else partial, to be tried again. */
async function finish(
  { store, metrics, log }: CascadeDeps,
  { _id: cascadeId, createdAt, partialTries }: CascadeDoc,
  subtree: Subtree,
  parked: ReadonlySet<string>,
): Promise<void> {
  const left = await store.agents.countAlive(subtree);
  const revoked = await store.audit.countOfCascade(cascadeId);
  const now = new Date();
  if (left === 0) {
    await store.cascades.close(cascadeId, revoked, now);
    metrics.cascadeSeconds.observe((now.getTime() - createdAt.getTime()) / 1000);
    return;
  }
  const retryInMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(partialTries, 20), LAST_RETRY_MS);
  await store.cascades.partial(cascadeId, {
    affected: revoked + left,
    revoked,
    parked: [...parked],
    parkedCount: left,
    nextLookAt: new Date(now.getTime() + retryInMs),
  });
  log.error({ cascadeId, parked: left, retryInMs }, 'a cascade is partial; it will be tried again');
}

/**
 * Materialises a kill: nulls every key hash at and below the killed agent, one audit entry each, in bounded pages. May
 * be stopped and started anywhere, and done twice at once; it repeats until a pass finds nothing.
 */
export async function revokeCascade(deps: CascadeDeps, cascadeId: string): Promise<void> {
  const { store, metrics } = deps;
  const cascade = await store.cascades.byId(cascadeId);
  if (!cascade || cascade.closedAt) return;
  const agent = await store.agents.get(cascade.tenant, cascade.agentId);
  if (!agent) throw new Error(`the agent of cascade ${cascadeId} is not in the store`);
  await ensureInForce(deps, cascade);
  let revoked = await store.audit.countOfCascade(cascadeId);
  if (cascade.affected === null) {
    await store.cascades.recordAffected(cascadeId, revoked + (await store.agents.countAlive(agent)));
  }
  const writeProgress = progressWriter(deps, cascadeId);
  const onRevoked = (count: number): void => {
    metrics.agentsRevoked.inc(count);
    writeProgress((revoked += count));
  };
  const parked = new Set<string>();
  // Opening them ends those of a worker that was killed: its open transactions would keep agents locked for a minute.
  const opening = Array.from({ length: PAGES_IN_FLIGHT }, () => openRegisteredSession(deps, cascadeId));
  const registered = await Promise.all(opening);
  const sessions = registered.map(({ session }) => session);
  try {
    while ((await revokeInPages(deps, cascade, agent, parked, sessions, onRevoked)) > 0);
  } finally {
    for (const one of registered) one.close();
  }
  await finish(deps, cascade, agent, parked);
}
