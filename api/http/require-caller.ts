import type { Credential, Scope } from '../../shared/authz/credential';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import type { ParsedApiKey } from '../../shared/domain/api-key';
import { allowsIp } from '../../shared/domain/partner-key';
import { PARTNER_SCOPE_OF } from '../../shared/domain/scopes';
import { MirError } from '../../shared/errors';
import { PublicError } from './public-error';
import { type KeyAuth, WRITING_SCOPES } from './route';

/** How long after a log-in members may do what needs a recent one. */
export const RECENT_LOG_IN_MS = 15 * 60_000;

/** Returns whether a log-in, or its confirmation, is recent. */
export function isRecent(confirmedAtMs: number): boolean {
  return Date.now() - confirmedAtMs < RECENT_LOG_IN_MS;
}

/** Returns the error for a member who logged in too long ago. */
export function recentLogInRequired(): MirError {
  return new MirError('RECENT_LOG_IN_REQUIRED', 'the log-in was not recent');
}

/** Throws 403 if the key may be used only from certain addresses, and the request came from another one. */
export function requireAllowedIp({ allowedIps }: Credential, { ip }: PresentedKey): void {
  if (allowedIps === undefined) return;
  const from = ip?.();
  if (from !== undefined && allowsIp(allowedIps, from)) return;
  throw new MirError('IP_NOT_ALLOWED', 'the request came from an address outside the key’s ranges');
}

/** Returns the scope that a key, or a member's access token, needs for a route. */
export function scopeFor(
  { agent, member }: Pick<ParsedApiKey, 'agent' | 'member'>,
  { scope, partnerScope, memberScope }: Pick<KeyAuth, 'scope' | 'partnerScope' | 'memberScope'>,
): Scope {
  if (agent) return scope;
  return (member ? memberScope : undefined) ?? partnerScope ?? PARTNER_SCOPE_OF[scope] ?? scope;
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
export function requireAccess(
  credential: Credential,
  { scope, partnerOnly, enterpriseOnly, recentLogIn }: KeyAuth,
): void {
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
  if (recentLogIn && credential.member && !isRecent(credential.member.confirmedAtMs)) {
    throw recentLogInRequired();
  }
}
