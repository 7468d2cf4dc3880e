import { PublicError } from '../../api/http/public-error';
import type { AgentDoc } from '../../shared/store/agents';

import type { CliContext } from './open';

/** Returns the agent with this ID, regardless of which partner owns it. Throws 404 if the agent does not exist. */
export async function findAgent({ store }: Pick<CliContext, 'store'>, agentId: string): Promise<AgentDoc> {
  const [agent] = await store.agents.byIds([agentId]);
  if (!agent) throw new PublicError('NOT_FOUND', 'Agent not found.');
  return agent;
}
