import { setTimeout as delay } from 'node:timers/promises';
import { tagOf } from '../../shared/domain/ids';
import { overloaded } from '../../shared/errors';
import type { PartnerChange, PartnerDoc } from '../../shared/store/partners';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { serializeByKey } from '../../shared/locks/serialize-by-key';
import { transaction } from '../db/transaction';
import { readPartner } from './get-partner';
import { auditedFacts } from './present-partner';

/** Changes of a partner are serialized; only while Redis is down can they run concurrently. */
const MAX_TRIES = 16;
const RETRY_JITTER_MS = 20;

export type PartnerChangeDeps = Pick<ApiContext, 'store' | 'authorizer' | 'queueLink' | 'keys' | 'log'>;

/** What to change of the partner as it was read; `change: null` when it is so already. */
export interface PartnerChangeDecision {
  change: PartnerChange | null;
  action: string;
  reason: string | undefined;
}

/**
 * Changes a partner so that every process refuses or allows by the new state before this resolves. Whoever is
 * overtaken decides again on what the other left. A change that is there already still voids the cached credentials:
 * repeating it repairs what a failed first try may have left behind.
 */
export async function changePartner(
  deps: PartnerChangeDeps,
  partnerId: string,
  auditContext: AuditContext,
  decide: (before: PartnerDoc) => PartnerChangeDecision,
): Promise<PartnerDoc> {
  const { store, authorizer } = deps;
  const attempt = async (own: StoreSession): Promise<PartnerDoc | null> => {
    const before = await readPartner({ store }, partnerId);
    const { change, action, reason } = decide(before);
    const write = async (session: StoreSession): Promise<PartnerDoc | null> => {
      const changed = await store.partners.change(before, change!, auditContext.at, session);
      if (!changed) return null;
      const facts = { before: auditedFacts(before), after: auditedFacts(changed) };
      const entry = { partnerId: before._id, action, target: before._id, reason, ...facts };
      await store.audit.append(auditEntry({ ...auditContext, at: changed.updatedAt }, entry), session);
      return changed;
    };
    const affected = { nodes: [before._id], keyHashes: before.keys.map(({ hash }) => hash) };
    const { result } = await authorizer.withInvalidation(tagOf(before._id), affected, async () =>
      change === null ? before : transaction({ store }, write, own),
    );
    return result;
  };

  // Who does not exist gets no line of its own.
  await readPartner({ store }, partnerId);
  return serializeByKey(deps, partnerId, async (own) => {
    for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
      const after = await attempt(own);
      if (after) return after;
      await delay(Math.random() * RETRY_JITTER_MS * tries);
    }
    throw overloaded('Others change this partner all the time. Nothing was changed by you; try again.', 1);
  });
}
