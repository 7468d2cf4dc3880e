import type { Authorizer } from '../../shared/authz/authorizer';
import { partnerOf, tagOf } from '../../shared/domain/ids';
import type { Metrics } from '../../shared/metrics/metrics';
import { openRegisteredSession, type SessionDeps } from '../../shared/locks/session-registry';
import type { Subtree } from '../../shared/store/agent-tree';
import type { CascadeDoc } from '../../shared/store/cascades';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { Store } from '../../shared/store/store';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import { announce } from '../../shared/webhooks/announce';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';
import { revokeInPages, type RevokeDeps } from './revoke-in-pages';

/** Maximum number of concurrent transactions per cascade. */
const PAGES_IN_FLIGHT = 2;
/** Minimum time between progress updates. */
const PROGRESS_EVERY_MS = 500;
/** Delay before a cascade with quarantined agents is retried. Doubles with each retry, up to `LAST_RETRY_MS`. */
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 600_000;

export interface CascadeDeps extends RevokeDeps, SessionDeps {
  store: RevokeDeps['store'] & SessionDeps['store'] & Pick<Store, 'webhooks' | 'deliveries'>;
  webhookQueue: Pick<WakeUpQueue, 'add'>;
  authorizer: Pick<Authorizer, 'withInvalidation'>;
  metrics: Pick<Metrics, 'agentsRevoked' | 'cascadeSeconds'>;
}

/**
 * Puts a kill into force on the Redis server that this worker uses: fences the killed agent's row, which is on the path
 * of every key in the tree. The process that ordered the kill may have used another server, if both servers act as
 * primary, or none, if Redis was down or the process died. Then the kill has no effective time yet, and this records it.
 */
async function ensureInForce(
  { store, authorizer }: CascadeDeps,
  { _id, tenant, agentId, effectiveAt }: CascadeDoc,
): Promise<void> {
  const { doneAtMs } = await authorizer.withInvalidation(tagOf(partnerOf(tenant)), { nodes: [agentId] }, () =>
    Promise.resolve(),
  );
  if (!effectiveAt) await store.cascades.inForceSince(_id, new Date(doneAtMs));
}

/** Returns a function that records progress periodically, one write at a time. Nothing depends on these writes. */
function progressWriter({ store, log }: CascadeDeps, cascadeId: string): (revoked: number) => void {
  let busy = false;
  let writtenAt = 0;
  return (revoked) => {
    if (busy || performance.now() - writtenAt < PROGRESS_EVERY_MS) return;
    busy = true;
    store.cascades
      .recordProgress(cascadeId, revoked)
      .catch((error: unknown) => log.warn({ err: error, cascadeId }, 'recording progress failed'))
      .finally(() => {
        busy = false;
        writtenAt = performance.now();
      });
  };
}

/** Closes the cascade and announces that. Returns false if another worker has closed it. */
async function close(
  { store, webhookQueue }: CascadeDeps,
  { _id: cascadeId, tenant, agentId }: CascadeDoc,
  revoked: number,
  at: Date,
): Promise<boolean> {
  const deliveryIds = await store.transaction(async (session) => {
    if (!(await store.cascades.close(cascadeId, revoked, at, session))) return null;
    return announce({ store }, { tenant, type: 'cascade.closed', data: { cascadeId, agentId, revoked }, at }, session);
  }, STORE_TIMEOUT_MS);
  wakeDeliveries(webhookQueue, deliveryIds ?? []);
  return deliveryIds !== null;
}

/** Closes the cascade if no living agents are left. Otherwise marks it as partial and schedules a retry. */
async function finish(
  deps: CascadeDeps,
  cascade: CascadeDoc,
  subtree: Subtree,
  quarantined: ReadonlySet<string>,
): Promise<void> {
  const { store, metrics, log } = deps;
  const { _id: cascadeId, createdAt, partialTries } = cascade;
  const left = await store.agents.countAlive(subtree);
  const revoked = await store.audit.countOfCascade(cascadeId);
  const now = new Date();
  if (left === 0) {
    if (!(await close(deps, cascade, revoked, now))) return;
    metrics.cascadeSeconds.observe((now.getTime() - createdAt.getTime()) / 1000);
    return;
  }
  const retryInMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(partialTries, 20), LAST_RETRY_MS);
  await store.cascades.partial(cascadeId, {
    affected: revoked + left,
    revoked,
    parked: [...quarantined],
    parkedCount: left,
    nextLookAt: new Date(now.getTime() + retryInMs),
  });
  log.error({ cascadeId, parked: left, retryInMs }, 'cascade incomplete, retrying later');
}

/**
 * Carries out a kill: clears the key hashes of the killed agent and all its descendants, in bounded pages, with one
 * audit entry per agent. Repeats until a pass finds nothing to revoke. Safe to interrupt at any point and to run
 * concurrently.
 */
export async function revokeCascade(deps: CascadeDeps, cascadeId: string): Promise<void> {
  const { store, metrics } = deps;
  const cascade = await store.cascades.byId(cascadeId);
  if (!cascade || cascade.closedAt) return;
  const agent = await store.agents.get(cascade.tenant, cascade.agentId);
  if (!agent) throw new Error(`agent of cascade ${cascadeId} not found`);
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
  const quarantined = new Set<string>();
  // Opening a session ends the sessions of a dead worker, whose open transactions would keep agents locked for a
  // minute.
  const opening = Array.from({ length: PAGES_IN_FLIGHT }, () => openRegisteredSession(deps, cascadeId));
  const registered = await Promise.all(opening);
  const sessions = registered.map(({ session }) => session);
  try {
    while ((await revokeInPages(deps, cascade, agent, quarantined, sessions, onRevoked)) > 0);
  } finally {
    for (const session of registered) session.close();
  }
  await finish(deps, cascade, agent, quarantined);
}
