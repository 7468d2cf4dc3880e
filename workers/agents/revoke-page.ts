import { partnerOf } from '../../shared/domain/ids';
import type { CascadeDoc } from '../../shared/store/cascades';
import type { Store } from '../../shared/store/store';

const COMMIT_TIMEOUT_MS = 20_000;

/** Revokes the given agents, each with its audit entry, in one transaction. Answers how many were still alive. */
export async function revokePage(
  store: Pick<Store, 'transaction' | 'agents' | 'audit'>,
  cascade: CascadeDoc,
  ids: readonly string[],
): Promise<number> {
  const { _id: cascadeId, tenant, actor, reason, requestId } = cascade;
  return store.transaction(async (session) => {
    const alive = await store.agents.stillAlive(ids, session);
    if (alive.length === 0) return 0;
    const at = new Date();
    await store.agents.revokeMany(
      alive.map(({ _id }) => _id),
      at,
      session,
    );
    const entries = alive.map(({ _id, status }) => ({
      _id: `aud_${cascadeId}_${_id}`,
      chain: tenant,
      partnerId: partnerOf(tenant),
      action: 'agent.revoked',
      target: _id,
      actor,
      reason,
      requestId,
      cascadeId,
      before: { status },
      after: { status: 'REVOKED' },
      at,
    }));
    await store.audit.appendMany(entries, session);
    return alive.length;
  }, COMMIT_TIMEOUT_MS);
}
