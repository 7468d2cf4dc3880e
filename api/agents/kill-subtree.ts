import { newId, partnerOf, type Tenant } from '../../shared/domain/ids';
import { messageOf, MirError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import type { Actor } from '../../shared/store/audit';
import type { CascadeDoc } from '../../shared/store/cascades';
import type { StoreSession } from '../../shared/store/store';
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

/** A kill that was ordered and is in force. */
export type KillInForce = CascadeDoc & { effectiveAt: Date };

/** The order that stands already, if a new one would change nothing: it is open, or nothing is alive any more. */
async function standingOrder(
  { store }: Pick<KillDeps, 'store'>,
  agent: AgentDoc,
  session: StoreSession,
): Promise<CascadeDoc | null> {
  if (agent.killedAt === null) return null;
  const latest = await store.cascades.latestOf(agent._id, session);
  if (!latest || latest.closedAt === null) return latest;
  return (await store.agents.anyAlive(agent, session)) ? null : latest;
}

/**
 * Writes mark, order and audit entry, in a transaction that conflicts with every spawn and kill in the tree. It writes
 * the root first of all: the later it came, the likelier a burst of spawns would be first, again and again.
 */
async function writeOrder(
  { store }: Pick<KillDeps, 'store'>,
  { tenant, agentId, rootId, actor, reason, requestId }: KillOrder,
  cascadeId: string,
  session: StoreSession,
): Promise<CascadeDoc> {
  await store.agents.touchTree(rootId, 0, session);
  const agent = await store.agents.get(tenant, agentId, session);
  if (!agent) throw new PublicError('NOT_FOUND', 'There is no such agent.');
  if (actor.kind === 'AGENT') {
    requireCallerAlive(actor.agentId, await store.agents.byIds(agent.ancestors, session));
  }
  const standing = await standingOrder({ store }, agent, session);
  if (standing) return standing;
  const now = new Date();
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
  };
  await store.agents.markKilled(agentId, now, session);
  await store.cascades.insert(cascade, session);
  const facts = { before: { killed: agent.killedAt !== null }, after: { killed: true, cascadeId } };
  const about = { partnerId: partnerOf(tenant), tenant, action: 'agent.subtree.killed', target: agentId, reason };
  const entry = auditEntry({ actor, requestId, at: now }, { ...about, ...facts });
  await store.audit.append({ ...entry, _id: `aud_${cascadeId}` }, session);
  return cascade;
}

/** Notes that the order is in force and wakes a worker. Neither is needed for the kill itself: a sweep does both. */
async function follow({ store, cascadeQueue, log }: KillDeps, { _id: cascadeId, effectiveAt }: KillInForce) {
  const warn = (what: string) => (error: unknown) => log.warn({ err: messageOf(error), cascadeId }, what);
  await store.cascades.inForceSince(cascadeId, effectiveAt).catch(warn('the sweep will note when the kill took force'));
  await cascadeQueue.add(cascadeId).catch(warn('the sweep will start the cascade'));
}

const ask = (cascadeId: string): string => `GET /v1/agents/cascades/${cascadeId} tells.`;

function notConfirmed(cascadeId: string, cause: unknown): PublicError {
  return new PublicError(
    'OVERLOADED',
    `The kill is recorded as ${cascadeId}, but the queue store does not confirm that it is in force; it will be as soon as it answers. ${ask(cascadeId)}`,
    { retryAfterSeconds: 1, cause },
  );
}

function maybeRecorded(cascadeId: string, cause: unknown): PublicError {
  return new PublicError(
    'STORE_UNAVAILABLE',
    `The store did not answer. If it took the kill, that stands as ${cascadeId} and will be in force. ${ask(cascadeId)} Repeat the call to be sure.`,
    { retryAfterSeconds: 1, cause },
  );
}

/**
 * The kill switch. When it returns, the agent and everything below it is rejected by every process, whatever the size
 * of the tree: the mark stands on one node that every descendant's path goes through. Workers then null each key.
 * While the queue store is down the order is recorded all the same, and put in force as soon as it is back (503).
 * A repetition returns the order that stands.
 */
export async function killSubtree(deps: KillDeps, order: KillOrder): Promise<KillInForce> {
  const cascadeId = newId('csc');
  const partnerId = partnerOf(order.tenant);
  let written: CascadeDoc | null = null;
  try {
    const { result, inForceAt } = await changeAuthority(
      deps,
      { key: order.rootId, partnerId, urgent: true },
      async (session) => {
        written = await writeOrder(deps, order, cascadeId, session);
        return { result: written, affected: { nodes: [order.agentId] } };
      },
    );
    const killed = { ...result, effectiveAt: result.effectiveAt ?? inForceAt };
    if (killed.closedAt === null) await follow(deps, killed);
    return killed;
  } catch (error) {
    if (!(error instanceof MirError)) throw error;
    if (error.code === 'STORE_UNAVAILABLE') throw maybeRecorded(cascadeId, error);
    // After the order was written, the only other failure is that the queue store does not confirm the commit's effect.
    if (error.code !== 'OVERLOADED' || written === null) throw error;
    const { _id, effectiveAt, ...rest }: CascadeDoc = written;
    if (effectiveAt === null) throw notConfirmed(_id, error);
    return { _id, effectiveAt, ...rest };
  }
}
