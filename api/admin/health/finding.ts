import { messageOf } from '../../../shared/errors';

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

/** Runs a check. Returns a FAIL finding if the check itself throws. */
export async function checked(check: string, remedy: string, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    return [fail(check, messageOf(error), remedy)];
  }
}
