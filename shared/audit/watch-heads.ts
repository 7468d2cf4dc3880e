import type { AuditChain } from '../store/audit';
import type { Store } from '../store/store';

/** How often a process reads the heads of all chains that it waits for. Sealing takes about as long. */
export const HEAD_POLL_MS = 1_000;

/** Waits until audit chains grow. All waiters of a process share one query per second. */
export interface HeadWatcher {
  /**
   * Resolves to true once the head of a chain is beyond `seq`, and to false once `signal` is aborted or the watcher is
   * stopped. Rejects if the heads cannot be read.
   */
  waitBeyond(chain: AuditChain, seq: number, signal: AbortSignal): Promise<boolean>;
  /** Ends all waits, and each later one at once. */
  stop(): void;
}

interface Waiter {
  chain: AuditChain;
  seq: number;
  resolve: (grown: boolean) => void;
  reject: (error: unknown) => void;
}

/** Creates a watcher. It reads nothing while no caller waits. Callers limit how many wait. */
export function createHeadWatcher({ auditHeads }: Pick<Store, 'auditHeads'>): HeadWatcher {
  const waiters = new Set<Waiter>();
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;

  async function poll(): Promise<void> {
    const waiting = [...waiters];
    const end = (waiter: Waiter, settle: () => void): void => {
      waiters.delete(waiter);
      settle();
    };
    try {
      const chains = [...new Set(waiting.map(({ chain }) => chain))];
      const seqs = chains.length === 0 ? new Map<AuditChain, number>() : await auditHeads.seqsOf(chains);
      const grown = waiting.filter(({ chain, seq }) => (seqs.get(chain) ?? 0) > seq);
      for (const waiter of grown) end(waiter, () => waiter.resolve(true));
    } catch (error) {
      for (const waiter of waiting) end(waiter, () => waiter.reject(error));
    }
    timer = null;
    schedule();
  }

  /** Schedules the next poll, unless one is scheduled or running. */
  function schedule(): void {
    if (waiters.size > 0 && !stopped) timer ??= setTimeout(() => void poll(), HEAD_POLL_MS);
  }

  return {
    waitBeyond: async (chain, seq, signal) => {
      if (stopped || signal.aborted) return false;
      let waiter: Waiter | undefined;
      const end = (): void => waiter?.resolve(false);
      try {
        return await new Promise<boolean>((resolve, reject) => {
          waiters.add((waiter = { chain, seq, resolve, reject }));
          signal.addEventListener('abort', end, { once: true });
          schedule();
        });
      } finally {
        signal.removeEventListener('abort', end);
        waiters.delete(waiter!);
      }
    },

    stop: () => {
      stopped = true;
      if (timer) clearTimeout(timer);
      for (const { resolve } of waiters) resolve(false);
    },
  };
}
