import type { Route } from '../http/route';
import { approve } from './approve';
import { getAgent } from './get';
import { getPolicy } from './get-policy';
import { listAgents } from './list';
import { listApprovals } from './list-approvals';
import { patchAgent } from './patch';
import { putPolicy } from './put-policy';
import { reactivate } from './reactivate';
import { register } from './register';
import { reject } from './reject';
import { revoke } from './revoke';
import { rotateAgentKeyRoute } from './rotate-key';
import { spawn } from './spawn';
import { suspend } from './suspend';

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
