/** Lets a bounded number of tasks run at once and a bounded number wait for their turn. */
export type Gate = <T>(task: () => Promise<T>) => Promise<T>;

/** Throws `onFull()` when as many tasks wait as may. */
export function createGate(maxAtOnce: number, maxWaiting: number, onFull: () => Error): Gate {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running >= maxAtOnce) {
      if (waiting.length >= maxWaiting) throw onFull();
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return await task();
    } finally {
      // The turn is handed on, so `running` stays as it is.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

/** A gate for each owner, so that no owner's tasks wait for another's. */
export type GateByOwner = <T>(owner: string, task: () => Promise<T>) => Promise<T>;

/** The bounds are those of one owner. Owners without a task take no memory. */
export function createGateByOwner(maxAtOnce: number, maxWaiting: number, onFull: () => Error): GateByOwner {
  const owners = new Map<string, { gate: Gate; tasks: number }>();
  return async (owner, task) => {
    let own = owners.get(owner);
    if (!own) owners.set(owner, (own = { gate: createGate(maxAtOnce, maxWaiting, onFull), tasks: 0 }));
    own.tasks += 1;
    try {
      return await own.gate(task);
    } finally {
      own.tasks -= 1;
      if (own.tasks === 0) owners.delete(owner);
    }
  };
}
