import { type AgentStatus, effectiveStatus, type SubtreeMarks } from './agent';

/** The fields that, together with its ancestors' marks, determine an agent's effective status. */
export interface MarkedNode extends SubtreeMarks {
  path: string;
  status: AgentStatus;
}

/** A node on the current path, with the marks that apply to it. */
interface Open {
  path: string;
  marks: SubtreeMarks;
}

/**
 * Returns a function that computes the effective statuses of nodes. Pass it the nodes in path order, ancestors first.
 * `above` contains the first node's ancestors, root first. Memory grows with the depth of the tree, not with its size.
 */
export function statusesInPathOrder(above: readonly MarkedNode[] = []): (node: MarkedNode) => AgentStatus {
  const open: Open[] = [];
  const evaluate = ({ path, status, killedAt, subtreeSuspendedAt }: MarkedNode): AgentStatus => {
    while (open.length > 0 && !path.startsWith(`${open.at(-1)!.path}/`)) open.pop();
    const outer = open.at(-1)?.marks;
    const marks = {
      killedAt: outer?.killedAt ?? killedAt,
      subtreeSuspendedAt: outer?.subtreeSuspendedAt ?? subtreeSuspendedAt,
    };
    open.push({ path, marks });
    return effectiveStatus(status, [marks]);
  };
  above.forEach(evaluate);
  return evaluate;
}
