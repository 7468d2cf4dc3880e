import type { Credential } from '../../shared/authz/credential';
import { PublicError } from './public-error';
import type { Caller } from './route';

/** Throws 403 for an agent whose partner's plan no longer includes agents. Such agents keep read access. */
export function requireAgentPlan({ agent, plan }: Credential): void {
  if (agent === null || plan === 'ENTERPRISE') return;
  throw new PublicError(
    'ENTERPRISE_REQUIRED',
    'Agents need the ENTERPRISE plan to write. This agent can still read. Ask the operator to change the plan.',
  );
}

/** Throws 403 for an agent's key. Partner keys are held by people. */
export function requireHuman({ admission }: Caller): void {
  if (admission.credential.agent) {
    throw new PublicError('HUMAN_REQUIRED', 'Agents cannot do this. Use the partner key.');
  }
}
