import { newId, partnerOf } from '../../shared/domain/ids';
import type { AuditChain, AuditDoc, NewAuditEntry } from '../../shared/store/audit';
import type { Store } from '../../shared/store/store';
import { sealChain } from '../../workers/audit/seal-chain';

/** Returns a new audit entry for a chain. */
export function anEntry(chain: AuditChain, changes: Partial<NewAuditEntry> = {}): NewAuditEntry {
  const partnerId = chain === 'registry' ? null : partnerOf(chain);
  return {
    _id: newId('aud'),
    chain,
    partnerId,
    action: 'AGENT_SUSPENDED',
    target: 'agt_live_1',
    actor: partnerId === null ? { kind: 'OPERATOR', via: 'CLI' } : { kind: 'PARTNER', partnerId },
    reason: null,
    requestId: 'req-1',
    cascadeId: null,
    before: { status: 'ACTIVE' },
    after: { status: 'SUSPENDED' },
    at: new Date(),
    ...changes,
  };
}

/** Writes unsealed entries, one millisecond apart. */
export async function appendEntries(
  store: Store,
  chain: AuditChain,
  count: number,
  changes: Partial<NewAuditEntry> = {},
): Promise<void> {
  const firstMs = Date.now() - count;
  const entries = Array.from({ length: count }, (_, n) => anEntry(chain, { at: new Date(firstMs + n), ...changes }));
  await store.transaction((session) => store.audit.appendMany(entries, session), 20_000);
}

/** Seals every entry in a chain, as a worker does. */
export async function sealAll(store: Store, chain: AuditChain): Promise<void> {
  const { signal } = new AbortController();
  while ((await store.audit.countUnsealed(chain)) > 0) {
    await sealChain(store, chain, { signal, onSealed: () => undefined });
  }
}

/** Returns the sealed entries of a chain in sequence order. */
export function sealedEntries(store: Store, chain: AuditChain): Promise<AuditDoc[]> {
  return store.audit.model.find({ chain, sealed: true }).sort({ seq: 1 }).lean<AuditDoc[]>();
}
