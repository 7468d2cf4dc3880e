import { newId, partnerOf, type Tenant } from '../../shared/domain/ids';
import { messageOf, MirError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import type { Actor } from '../../shared/store/audit';
import { orderEntryIdOf } from '../../shared/store/audit-ranges';
import type { CascadeDoc } from '../../shared/store/cascades';
import type { StoreSession } from '../../shared/store/store';
import { announce } from '../../shared/webhooks/announce';
import { auditEntry } from '../db/audit-context';
import type { ApiContext } from '../context';
import { type AuthorityDeps, changeAuthority } from '../db/change-authority';
import { requireCallerAlive } from './agent-state';

export type KillDeps = AuthorityDeps & Pick<ApiContext, 'cascadeQueue'>;

export interface KillOrder {
  tenant: Tenant;
  agentId: string;
  rootId: string;
  actor: Actor;
  reason: string | null;
  requestId: string;
}

/** A kill that every process enforces. `alreadyRevoked`: an earlier request ordered it. */
type KillInForce = CascadeDoc & { effectiveAt: Date; alreadyRevoked: boolean };

/**
 * Returns the agent's latest kill if a new kill would change nothing, because the latest kill is still open or no
 * living agents remain. Otherwise, returns null.
 */
async function existingOrder(
  { store }: Pick<KillDeps, 'store'>,
  agent: AgentDoc,
  session: StoreSession,
): Promise<CascadeDoc | null> {
  if (agent.killedAt === null) return null;
  const latest = await store.cascades.latestOf(agent._id, session);
  if (!latest || latest.closedAt === null) return latest;
  return (await store.agents.anyAlive(agent, session)) ? null : latest;
}

/** Records the reason of a repeated kill, unless it is that of the first kill, as in a retried request. */
async function appendRepetition(
  { store }: Pick<KillDeps, 'store'>,
  { tenant, agentId, actor, reason, requestId }: KillOrder,
  { _id: cascadeId, reason: firstReason }: CascadeDoc,
  session: StoreSession,
): Promise<void> {
  if (reason === null || reason === firstReason) return;
  const about = {
    partnerId: partnerOf(tenant),
    tenant,
    action: 'agent.subtree.kill.repeated',
    target: agentId,
    reason,
  };
  const entry = auditEntry({ actor, requestId, at: new Date() }, { ...about, after: { killed: true, cascadeId } });
  await store.audit.append(entry, session);
}

/**
 * Writes the kill mark, the order, its audit entry and its message for webhooks and receivers, unless an existing order
 * suffices. Returns the new or existing order. Conflicts with every concurrent spawn and kill in the tree. Writes the root first; otherwise, a burst of
 * spawns could repeatedly abort this transaction.
 */
async function writeOrder(
  { store }: Pick<KillDeps, 'store'>,
  order: KillOrder,
  cascadeId: string,
  session: StoreSession,
): Promise<{ cascade: CascadeDoc; deliveryIds: string[] }> {
  const { tenant, agentId, rootId, actor, reason, requestId } = order;
  await store.agents.touchTree(rootId, 0, session);
  const agent = await store.agents.get(tenant, agentId, session);
  if (!agent) throw new PublicError('NOT_FOUND', 'Agent not found. Check the ID and the environment.');
  if (actor.kind === 'AGENT') {
    requireCallerAlive(actor.agentId, await store.agents.byIds(agent.ancestors, session));
  }
  const existing = await existingOrder({ store }, agent, session);
  if (existing) {
    await appendRepetition({ store }, order, existing, session);
    return { cascade: existing, deliveryIds: [] };
  }
  const now = new Date();
  const receivers = await store.webhooks.receiversOf(tenant, session);
  const cascade: CascadeDoc = {
    _id: cascadeId,
    tenant,
    agentId,
    reason,
    actor,
    requestId,
    status: 'RUNNING',
    effectiveAt: null,
    affected: null,
    revoked: 0,
    parkedCount: 0,
    parked: [],
    partialTries: 0,
    nextLookAt: now,
    createdAt: now,
    closedAt: null,
    receivers: receivers.map(({ _id: receiverId, url }) => ({ receiverId, url })),
  };
  await store.agents.markKilled(agentId, now, session);
  await store.cascades.insert(cascade, session);
  const facts = { before: { killed: agent.killedAt !== null }, after: { killed: true, cascadeId } };
  const about = { partnerId: partnerOf(tenant), tenant, action: 'agent.subtree.killed', target: agentId, reason };
  const entry = auditEntry({ actor, requestId, at: now }, { ...about, ...facts });
  await store.audit.append({ ...entry, _id: orderEntryIdOf(cascadeId) }, session);
  const data = { cascadeId, agentId, rootId };
  const message = { tenant, type: 'cascade.started' as const, data, at: now, receivers, cascadeId };
  const deliveryIds = await announce({ store }, message, session);
  return { cascade, deliveryIds };
}

/** Records when the kill took effect and wakes a worker. If either step fails, the sweep completes it later. */
async function startCascade({ store, cascadeQueue, log }: KillDeps, { _id: cascadeId, effectiveAt }: KillInForce) {
  const warn = (message: string) => (error: unknown) => log.warn({ err: messageOf(error), cascadeId }, message);
  await store.cascades.inForceSince(cascadeId, effectiveAt).catch(warn('kill time not recorded; the sweep will retry'));
  await cascadeQueue.add(cascadeId).catch(warn('cascade wake-up failed; the sweep will retry'));
}

const checkStatus = (cascadeId: string): string => `Check its status with GET /v1/cascades/${cascadeId}.`;

function notConfirmed(cascadeId: string, cause: unknown): PublicError {
  return new PublicError(
    'OVERLOADED',
    `The kill is recorded as ${cascadeId}, but it may not be in effect yet: it takes effect once the queue responds. ${checkStatus(cascadeId)}`,
    { retryAfterSeconds: 1, cause },
  );
}

function maybeRecorded(cascadeId: string, cause: unknown): PublicError {
  return new PublicError(
    'STORE_UNAVAILABLE',
    `The database did not respond. The kill may have been recorded as ${cascadeId}. ${checkStatus(cascadeId)} It is safe to repeat the request.`,
    { retryAfterSeconds: 1, cause },
  );
}

/**
 * The kill switch: revokes an agent and all its descendants. When this resolves, every process rejects their keys,
 * regardless of the size of the tree, because the kill mark is on a node in every descendant's path. Workers then
 * delete each key. While Redis is down, records the order and throws OVERLOADED; the kill takes effect once Redis is
 * back. Returns the existing order if a new one would change nothing, and records the new reason.
 */
export async function killSubtree({ store, ...others }: KillDeps, order: KillOrder): Promise<KillInForce> {
  const deps = { store: store.urgent, ...others };
  const cascadeId = newId('csc');
  const partnerId = partnerOf(order.tenant);
  let written: CascadeDoc | null = null;
  try {
    const { result, inForceAt } = await changeAuthority(
      deps,
      { key: order.rootId, partnerId, urgent: true },
      async (session) => {
        const { cascade, deliveryIds } = await writeOrder(deps, order, cascadeId, session);
        written = cascade;
        return { result: cascade, affected: { nodes: [order.agentId] }, deliveryIds };
      },
    );
    const alreadyRevoked = result._id !== cascadeId;
    const killed = { ...result, effectiveAt: result.effectiveAt ?? inForceAt, alreadyRevoked };
    if (killed.closedAt === null) await startCascade(deps, killed);
    return killed;
  } catch (error) {
    if (!(error instanceof MirError)) throw error;
    if (error.code === 'STORE_UNAVAILABLE') throw maybeRecorded(cascadeId, error);
    // Once the order is written, OVERLOADED can only mean that Redis did not confirm the removal of the fence.
    if (error.code !== 'OVERLOADED' || written === null) throw error;
    const { _id, effectiveAt, ...rest }: CascadeDoc = written;
    if (effectiveAt === null) throw notConfirmed(_id, error);
    return { _id, effectiveAt, ...rest, alreadyRevoked: _id !== cascadeId };
  }
}
