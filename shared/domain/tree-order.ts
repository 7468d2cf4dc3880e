import { type AgentStatus, effectiveStatus, type SubtreeMarks } from './agent';
import { lifetimeBelow, type LifetimeFacts, type PathLifetime, UNLIMITED } from './agent-lifetime';

/** The fields that, together with its ancestors' marks and limits, determine an agent's effective status. */
export interface MarkedNode extends SubtreeMarks, LifetimeFacts {
  path: string;
}

/** A node on the current path, with the marks and limits that apply to it. */
interface Open {
  path: string;
  marks: SubtreeMarks;
  lifetime: PathLifetime;
}

/**
 * Returns a function that computes the effective statuses of nodes. Pass it the nodes in path order, ancestors first.
 * `above` contains the first node's ancestors, root first. Agents that expire at `nowMs` or before have expired. Memory
 * grows with the depth of the tree, not with its size.
 */
export function statusesInPathOrder(
  nowMs: number,
  above: readonly MarkedNode[] = [],
): (node: MarkedNode) => AgentStatus {
  const open: Open[] = [];
  const evaluate = (node: MarkedNode): AgentStatus => {
    const { path, status, killedAt, subtreeSuspendedAt } = node;
    while (open.length > 0 && !path.startsWith(`${open.at(-1)!.path}/`)) open.pop();
    const outer = open.at(-1);
    const marks = {
      killedAt: outer?.marks.killedAt ?? killedAt,
      subtreeSuspendedAt: outer?.marks.subtreeSuspendedAt ?? subtreeSuspendedAt,
    };
    const lifetime = lifetimeBelow(outer?.lifetime ?? UNLIMITED, node);
    open.push({ path, marks, lifetime });
    return effectiveStatus(status, [marks], lifetime.endsAtMs <= nowMs);
  };
  above.forEach(evaluate);
  return evaluate;
}
