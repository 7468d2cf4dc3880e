import { newId, partnerOf } from '../../shared/domain/ids';
import { CHAIN_START, sealAfter } from '../../shared/domain/audit-chain';
import { type AuditChain, type AuditDoc, contentOf, type NewAuditEntry } from '../../shared/store/audit';
import type { Store } from '../../shared/store/store';
import { rawCollection } from './raw-collection';
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

/** Writes many sealed entries of a chain that is still empty, without a worker. */
export async function insertSealed(store: Store, chain: AuditChain, count: number): Promise<void> {
  const firstMs = Date.now() - count;
  let position = CHAIN_START;
  const docs = Array.from({ length: count }, (_, n): AuditDoc => {
    const doc: AuditDoc = { ...anEntry(chain, { at: new Date(firstMs + n) }), sealed: true };
    const seal = sealAfter(position, contentOf(doc));
    position = seal;
    return { ...doc, ...seal };
  });
  const sealedThrough = docs.at(-1)!.at;
  const { seq, hash } = position;
  await rawCollection(store.audit.model).insertMany(docs.map((doc) => ({ ...doc })));
  await rawCollection(store.auditHeads.model).insertMany([{ _id: chain, seq, hash, sealedThrough }]);
}

/** Returns the sealed entries of a chain in sequence order. */
export function sealedEntries(store: Store, chain: AuditChain): Promise<AuditDoc[]> {
  return store.audit.model.find({ chain, sealed: true }).sort({ seq: 1 }).lean<AuditDoc[]>();
}
