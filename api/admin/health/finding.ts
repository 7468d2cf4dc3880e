import { messageOf } from '../../../shared/errors';

/** WARN: it works, but not as it should. FAIL: MIR does not start, loses or refuses something, or will soon. */
export type CheckStatus = 'OK' | 'WARN' | 'FAIL';

/** What one check found, and how to fix it (null: nothing to fix). */
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

/** Runs a check; one that could not be made is a finding too. */
export async function checked(check: string, remedy: string, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    return [fail(check, messageOf(error), remedy)];
  }
}
