import type { Credential } from '../../shared/authz/credential';
import { PublicError } from './public-error';
import { type KeyAuth, WRITING_SCOPES } from './route';

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
    throw new PublicError('HUMAN_REQUIRED', 'Agents cannot do this. Use the partner key.');
  }
}
