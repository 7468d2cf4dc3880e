import type { Route } from '../http/route';
import { approve } from './approve-agent';
import { getAgent } from './get-agent';
import { getPolicy } from './get-policy';
import { listAgents } from './list-agents';
import { listApprovals } from './list-approvals';
import { patchAgent } from './update-agent';
import { putPolicy } from './put-policy';
import { reactivate } from './reactivate-agent';
import { register } from './register-agent';
import { reject } from './reject-agent';
import { revoke } from './revoke-agent';
import { rotateAgentKeyRoute } from './rotate-agent-key';
import { spawn } from './spawn-agent';
import { suspend } from './suspend-agent';

/** Routes of agents and their lives. Fixed names stand before `/agents/:id`, which would take them for ids. */
export const AGENT_ROUTES: readonly Route[] = [
  listAgents,
  register,
  getPolicy,
  putPolicy,
  listApprovals,
  approve,
  reject,
  getAgent,
  patchAgent,
  suspend,
  reactivate,
  revoke,
  rotateAgentKeyRoute,
  spawn,
];
