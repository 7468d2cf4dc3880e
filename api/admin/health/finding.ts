import { messageOf } from '../../../shared/errors';

/** WARN: it works, but not as it should. FAIL: MIR does not start, loses or refuses something, or will soon. */
export type Verdict = 'OK' | 'WARN' | 'FAIL';

/** What one check found, and how to mend it (null: nothing to mend). */
export interface Finding {
  check: string;
  verdict: Verdict;
  found: string;
  mend: string | null;
}

export const ok = (check: string, found: string): Finding => ({ check, verdict: 'OK', found, mend: null });
export const warn = (check: string, found: string, mend: string): Finding => ({ check, verdict: 'WARN', found, mend });
export const fail = (check: string, found: string, mend: string): Finding => ({ check, verdict: 'FAIL', found, mend });

/** Runs a check; one that could not be made is a finding too. */
export async function checked(check: string, mend: string, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    return [fail(check, messageOf(error), mend)];
  }
}
