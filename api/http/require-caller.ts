import type { Credential, Scope } from '../../shared/authz/credential';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import type { ParsedApiKey } from '../../shared/domain/api-key';
import { allowsIp } from '../../shared/domain/partner-key';
import { PARTNER_SCOPE_OF } from '../../shared/domain/scopes';
import { MirError } from '../../shared/errors';
import { PublicError } from './public-error';
import { type KeyAuth, WRITING_SCOPES } from './route';

/** Throws 403 if the key may be used only from certain addresses, and the request came from another one. */
export function requireAllowedIp({ allowedIps }: Credential, { ip }: PresentedKey): void {
  if (allowedIps === undefined) return;
  const from = ip?.();
  if (from !== undefined && allowsIp(allowedIps, from)) return;
  throw new MirError('IP_NOT_ALLOWED', 'the request came from an address outside the key’s ranges');
}

/** Returns the scope that a key needs for a route. */
export function scopeFor(
  { agent }: Pick<ParsedApiKey, 'agent'>,
  { scope, partnerScope }: Pick<KeyAuth, 'scope' | 'partnerScope'>,
): Scope {
  return agent ? scope : (partnerScope ?? PARTNER_SCOPE_OF[scope] ?? scope);
}

/** Throws 403 for an agent whose partner's plan no longer includes agents. Such agents can still read data. */
export function requireAgentPlan({ agent, plan }: Credential): void {
  if (agent === null || plan === 'ENTERPRISE') return;
  throw new PublicError(
    'ENTERPRISE_REQUIRED',
    'Agents need the ENTERPRISE plan to write data. This agent can still read data. Ask the operator to change your plan.',
  );
}

/**
 * Throws 403 if the caller does not meet the route's declared requirements. The authorizer has already checked the
 * scope.
 */
export function requireAccess(credential: Credential, { scope, partnerOnly, enterpriseOnly }: KeyAuth): void {
  if (enterpriseOnly && credential.plan !== 'ENTERPRISE') {
    throw new PublicError(
      'ENTERPRISE_REQUIRED',
      'Agents require the ENTERPRISE plan. Ask the operator to change your plan.',
    );
  }
  if (WRITING_SCOPES.has(scope)) requireAgentPlan(credential);
  if (partnerOnly && credential.agent) {
    throw new PublicError('HUMAN_REQUIRED', 'Agents cannot do this. Use a partner key.');
  }
}
