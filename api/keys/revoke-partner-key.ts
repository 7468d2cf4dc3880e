import type { PartnerId } from '../../shared/domain/ids';
import type { PartnerKey } from '../../shared/store/partners';
import type { AuditContext } from '../db/audit-context';
import type { AuthorityDeps } from '../db/change-authority';
import type { PresentedKey } from './key-schemas';
import { findKey } from './change-keys';
import { revokeKeys } from './revoke-key';

interface OperatorRevocation {
  includeCreated: boolean;
  reason: string;
}

/**
 * Revokes a partner's key for an operator, with previous secrets that still work. When this resolves, every process
 * rejects the key. Throws 404 if it does not exist.
 */
export async function revokePartnerKey(
  deps: AuthorityDeps,
  partnerId: PartnerId,
  { keyId, environment }: Pick<PresentedKey, 'keyId' | 'environment'>,
  { includeCreated, reason }: OperatorRevocation,
  auditContext: AuditContext,
): Promise<void> {
  const choose = (before: Parameters<typeof findKey>[0]): PartnerKey[] => {
    const { current, replaced } = findKey(before, environment, keyId, auditContext.at);
    return [current, ...replaced];
  };
  await revokeKeys(deps, partnerId, auditContext, {
    env: environment,
    choose,
    includeCreated,
    reason,
    cause: 'REQUESTED',
  });
}
