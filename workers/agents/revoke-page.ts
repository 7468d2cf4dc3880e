import type { AgentStatus } from '../../shared/domain/agent';
import { partnerOf } from '../../shared/domain/ids';
import type { Secrets } from '../../shared/domain/subject';
import type { AliveRow } from '../../shared/store/agent-tree';
import type { CascadeDoc } from '../../shared/store/cascades';
import type { Store, StoreSession } from '../../shared/store/store';

const COMMIT_TIMEOUT_MS = 20_000;

interface Deps {
  store: Pick<Store, 'transaction' | 'agents' | 'audit'>;
  secrets: Pick<Secrets, 'revokedKey'>;
}

/** Thrown when another writer has changed one of the agents since it was read. */
class PageOvertakenError extends Error {}

async function revokeAll(
  { store: { agents, audit }, secrets }: Deps,
  { _id: cascadeId, tenant, actor, reason, requestId }: CascadeDoc,
  page: readonly AliveRow[],
  session: StoreSession,
): Promise<void> {
  const at = new Date();
  const byStatus = new Map<AgentStatus, AliveRow[]>();
  for (const row of page) {
    const rows = byStatus.get(row.status);
    if (rows) rows.push(row);
    else byStatus.set(row.status, [row]);
  }
  for (const [status, rows] of byStatus) {
    const revoked = await agents.revokeMany(rows, status, secrets.revokedKey, at, session);
    if (revoked !== rows.length) throw new PageOvertakenError();
  }
  const entries = page.map(({ _id, status }) => ({
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
  await audit.appendMany(entries, session);
}

/**
 * Revokes the given agents in one transaction, each with its audit entry. Returns how many agents had not been revoked
 * yet. Relies on the statuses read earlier, which saves a read per agent, and re-reads the agents only if a status has
 * changed.
 */
export async function revokePage(
  deps: Deps,
  cascade: CascadeDoc,
  page: readonly AliveRow[],
  session: StoreSession,
): Promise<number> {
  const { store } = deps;
  try {
    await store.transaction(() => revokeAll(deps, cascade, page, session), COMMIT_TIMEOUT_MS, session);
    return page.length;
  } catch (error) {
    if (!(error instanceof PageOvertakenError)) throw error;
  }
  const ids = page.map(({ _id }) => _id);
  return store.transaction(
    async () => {
      const alive = await store.agents.stillAlive(ids, session);
      if (alive.length > 0) await revokeAll(deps, cascade, alive, session);
      return alive.length;
    },
    COMMIT_TIMEOUT_MS,
    session,
  );
}
