import { withDeadline } from '../../../shared/concurrency/deadline';

/** A check did not finish within its time limit. */
export class CheckTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`the check did not finish within ${timeoutMs / 1_000} s`);
    this.name = 'CheckTimeout';
  }
}

/**
 * WARN: MIR works but is degraded. FAIL: MIR cannot start, is rejecting or losing data, or is about to reject or lose
 * data.
 */
export type CheckStatus = 'OK' | 'WARN' | 'FAIL';

/** The result of one check. `remedy` is null when there is nothing to fix. */
export interface Finding {
  check: string;
  verdict: CheckStatus;
  found: string;
  remedy: string | null;
}

export const ok = (check: string, found: string): Finding => ({ check, verdict: 'OK', found, remedy: null });
export const warn = (check: string, found: string, remedy: string): Finding => ({
  check,
  verdict: 'WARN',
  found,
  remedy,
});
export const fail = (check: string, found: string, remedy: string): Finding => ({
  check,
  verdict: 'FAIL',
  found,
  remedy,
});

/** Runs checks, and turns what they throw into findings. */
export interface CheckRunner {
  /** Runs a check. Returns a FAIL finding if the check itself throws, and WARN if it takes too long. */
  checked: (check: string, remedy: string, work: () => Promise<Finding[]>) => Promise<Finding[]>;
  /** Describes what a server or driver threw. */
  textOf: (error: unknown) => string;
}

/** Creates a runner. `timeoutMs` limits each check. Null means that checks take as long as their connections allow. */
export function createCheckRunner({
  timeoutMs,
  textOf,
}: {
  timeoutMs: number | null;
  textOf: (error: unknown, check?: string) => string;
}): CheckRunner {
  return {
    textOf,
    async checked(check, remedy, work) {
      try {
        if (timeoutMs === null) return await work();
        return await withDeadline(work(), timeoutMs, () => new CheckTimeout(timeoutMs));
      } catch (error) {
        // A slow server may still work.
        const report = error instanceof CheckTimeout ? warn : fail;
        return [report(check, textOf(error, check), remedy)];
      }
    },
  };
}
