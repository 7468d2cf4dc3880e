import type { ApiContext } from '../context';
import type { Caller } from '../http/route';

/**
 * Returns the agent whose own and whose descendants' events the caller may read. Returns undefined if the caller may
 * read all of the partner's events: with a partner key, or if the policy lets agents read them.
 */
export async function visibleTo(
  { store }: Pick<ApiContext, 'store'>,
  { tenant, admission }: Pick<Caller, 'tenant' | 'admission'>,
): Promise<string | undefined> {
  const { agent } = admission.credential;
  if (!agent) return undefined;
  const { agentEventVisibility } = await store.policies.get(tenant);
  return agentEventVisibility === 'SUBTREE' ? agent.agentId : undefined;
}
