import { type AgentStatus, effectiveStatus, type SubtreeMarks } from './agent';

/** What an effective status follows from, besides the marks above. */
export interface MarkedNode extends SubtreeMarks {
  path: string;
  status: AgentStatus;
}

/** A node of the path on which the walk stands, with all marks down to it. */
interface Open {
  path: string;
  marks: SubtreeMarks;
}

/**
 * Reader of effective statuses for nodes that come in the order of their paths, each after its ancestors. `above` are
 * the ancestors of the first one, from the root on. Holds one path, whatever the size of the tree.
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
