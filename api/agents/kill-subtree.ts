import { newId, partnerOf, tagOf, type Tenant } from '../../shared/domain/ids';
import { MirError } from '../../shared/platform/errors';
import type { Actor } from '../../shared/store/audit';
import type { CascadeDoc } from '../../shared/store/cascades';
import type { ApiContext } from '../context';

const WRITE_TIMEOUT_MS = 5_000;

type Deps = Pick<ApiContext, 'store' | 'door' | 'cascadeQueue' | 'log'>;

export interface KillOrder {
  tenant: Tenant;
  agentId: string;
  actor: Actor;
  reason: string | null;
  requestId: string;
}

/** Writes mark, order and audit entry in one transaction that conflicts with every spawn in the tree. */
async function writeOrder(
  { store }: Deps,
  { tenant, agentId, actor, reason, requestId }: KillOrder,
): Promise<CascadeDoc> {
  const cascadeId = newId('csc');
  return store.transaction(async (session) => {
    const agent = await store.agents.get(tenant, agentId, session);
    if (!agent) throw new MirError('NOT_FOUND', 'No such agent.');
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
      parked: [],
      createdAt: now,
      closedAt: null,
    };
    await store.agents.markKilled(agentId, now, session);
    await store.agents.touchTree(agent.rootId, 0, session);
    await store.cascades.insert(cascade, session);
    await store.audit.append(
      {
        _id: `aud_${cascadeId}`,
        chain: tenant,
        partnerId: partnerOf(tenant),
        action: 'agent.subtree.killed',
        target: agentId,
        actor,
        reason,
        requestId,
        cascadeId: null,
        before: { killed: agent.killedAt !== null },
        after: { killed: true, cascadeId },
        at: now,
      },
      session,
    );
    return cascade;
  }, WRITE_TIMEOUT_MS);
}

/**
 * The kill switch. When it returns, the agent and everything below it is refused by every process, whatever the size
 * of the tree: the mark stands on one node that every descendant's path goes through. Workers then null each key.
 * While the queue store is away the order is recorded all the same, and put in force as soon as it is back (503).
 */
export async function killSubtree(deps: Deps, order: KillOrder): Promise<CascadeDoc & { effectiveAt: Date }> {
  const { store, door, cascadeQueue, log } = deps;
  const partnerId = partnerOf(order.tenant);
  let written: CascadeDoc | null = null;
  const change = async (): Promise<CascadeDoc> => (written = await writeOrder(deps, order));
  try {
    const { result, doneAtMs } = await door.whileHeld(tagOf(partnerId), { nodes: [order.agentId] }, change);
    const effectiveAt = new Date(doneAtMs);
    await store.cascades.update(result._id, { effectiveAt });
    await cascadeQueue
      .add(result._id)
      .catch((error: unknown) => log.warn({ err: error }, 'the sweep will start the cascade'));
    return { ...result, effectiveAt };
  } catch (error) {
    if (!(error instanceof MirError) || error.code !== 'OVERLOADED') throw error;
    const cascade: CascadeDoc = written ?? (await change());
    throw new MirError(
      'OVERLOADED',
      `The kill is recorded as ${cascade._id}, but the queue store does not confirm that it is in force; it will be enforced as soon as it answers. Ask GET /v1/agents/cascades/${cascade._id}.`,
      { retryAfterSeconds: 1, cause: error },
    );
  }
}
