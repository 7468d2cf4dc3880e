import { type Env, tenantOf } from '../../shared/domain/ids';
import type { WebhookType } from '../../shared/domain/webhook';
import { PublicError } from '../http/public-error';
import type { PartnerChange, PartnerDoc } from '../../shared/store/partners';
import type { NewAuditEntry } from '../../shared/store/audit';
import type { StoreSession } from '../../shared/store/store';
import { announce } from '../../shared/webhooks/announce';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { type AuthorityDeps, changeAuthority } from '../db/change-authority';
import { readPartner } from './get-partner';
import { auditedFacts } from './present-partner';

/** The change to make. `change` is null if the partner is already in the requested state. */
export interface PartnerChangeDecision {
  change: PartnerChange | null;
  action: string;
  reason: string | undefined;
  /** What the audit entry says about a change of a key, in the chain of the key's environment. */
  key?: Pick<NewAuditEntry, 'target' | 'before' | 'after'> & { env: Env };
  /** The webhook message about the change, in each of these environments. */
  message?: { envs: readonly Env[]; type: WebhookType; data: Record<string, unknown> };
}

/**
 * Changes a partner. By the time this resolves, every process enforces the new state. After a conflict, `decide` may
 * run again with the state that the other change produced. Invalidates the cached credentials even if nothing changes,
 * because an earlier attempt may have failed to do so.
 */
export async function changePartner(
  deps: AuthorityDeps,
  partnerId: string,
  auditContext: AuditContext,
  decide: (before: PartnerDoc, session: StoreSession) => PartnerChangeDecision | Promise<PartnerChangeDecision>,
): Promise<PartnerDoc> {
  const { store } = deps;
  const change = async (session: StoreSession) => {
    const before = await readPartner({ store }, partnerId, session);
    const affected = { nodes: [before._id], keyHashes: before.keys.map(({ hash }) => hash) };
    const { change: wanted, action, reason, key, message } = await decide(before, session);
    if (wanted === null) return { result: before, affected };
    const after = await store.partners.change(before, wanted, auditContext.at, session);
    if (!after) throw changedMeanwhile();
    const facts = key
      ? { tenant: tenantOf(before._id, key.env), target: key.target, before: key.before, after: key.after }
      : { target: before._id, before: auditedFacts(before), after: auditedFacts(after) };
    const entry = { partnerId: before._id, action, reason, ...facts };
    await store.audit.append(auditEntry({ ...auditContext, at: after.updatedAt }, entry), session);
    const deliveryIds: string[] = [];
    for (const env of message?.envs ?? []) {
      const { type, data } = message!;
      const announcement = { tenant: tenantOf(before._id, env), type, data, at: after.updatedAt };
      deliveryIds.push(...(await announce({ store }, announcement, session)));
    }
    return { result: after, affected, deliveryIds };
  };

  // Throws 404 before taking a lock.
  const { _id } = await readPartner({ store }, partnerId);
  return (await changeAuthority(deps, { key: _id, partnerId: _id }, change)).result;
}

function changedMeanwhile(): PublicError {
  return new PublicError('OVERLOADED', 'Another request changed this partner. Your change was not saved; retry.', {
    retryAfterSeconds: 1,
  });
}
