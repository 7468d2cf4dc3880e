import type { Credential } from '../../shared/authz/credential';
import { PublicError } from './public-error';
import type { Caller } from './route';

/** Throws 403 when the partner's plan no longer includes agents: they keep read access only. */
export function requireAgentPlan({ agent, plan }: Credential): void {
  if (agent === null || plan === 'ENTERPRISE') return;
  throw new PublicError('ENTERPRISE_REQUIRED', 'Agents write on the plan ENTERPRISE only; reading goes on.');
}

/** Throws 403 unless the caller uses the partner's own key, which people hold. */
export function requireHuman({ admission }: Caller): void {
  if (admission.credential.agent) {
    throw new PublicError('HUMAN_REQUIRED', 'An agent may not do this. Use the partner’s own key.');
  }
}
