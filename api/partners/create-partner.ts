import { newId, type PartnerId } from '../../shared/domain/ids';
import type { ApplicationDoc } from '../../shared/store/applications';
import type { StoreSession } from '../../shared/store/store';
import type { AuditContext } from '../db/audit-context';
import { type AdmitDeps, admitPartner } from './admit-partner';
import type { ApplicationInput, TermsInput } from './input-schemas';
import type { IssuedKeys } from './present-partner';

/** Creates a partner together with an approved application, for operators who already know the partner. */
export function createPartner(
  deps: AdmitDeps,
  input: ApplicationInput,
  terms: TermsInput,
  auditContext: AuditContext,
): Promise<IssuedKeys> {
  const approve = async (partnerId: PartnerId, session: StoreSession): Promise<ApplicationDoc> => {
    const application: ApplicationDoc = {
      _id: newId('app'),
      ...input,
      status: 'APPROVED',
      partnerId,
      createdAt: auditContext.at,
      decidedAt: auditContext.at,
    };
    await deps.store.applications.insert(application, session);
    return application;
  };
  return admitPartner(deps, terms, auditContext, { approve });
}
