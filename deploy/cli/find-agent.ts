import { PublicError } from '../../api/http/public-error';
import type { AgentDoc } from '../../shared/store/agents';

import type { CliContext } from './open';

/** The agent of that id, whosever it is; the operator sees all. Throws 404. */
export async function findAgent({ store }: Pick<CliContext, 'store'>, agentId: string): Promise<AgentDoc> {
  const [agent] = await store.agents.byIds([agentId]);
  if (!agent) throw new PublicError('NOT_FOUND', 'There is no such agent.');
  return agent;
}
