import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type ActivityRecorder, createActivityRecorder } from '../../../../shared/authz/record-activity';
import { createLog } from '../../../../shared/log';

const MAX_DELAY_MS = 30_000;
const CALLERS = 1_000;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Returns a recorder, and the callers of each write. */
function recorderWithPages(): { recorder: ActivityRecorder; pages: string[][] } {
  const pages: string[][] = [];
  const save = async (times: [string, Date][]): Promise<void> => void pages.push(times.map(([id]) => id));
  const log = createLog('silent', 'api');
  return { recorder: createActivityRecorder({ save, maxDelayMs: MAX_DELAY_MS, log }), pages };
}

describe('activity', () => {
  it('of callers that are active at the same time is saved in small parts, each caller once', async () => {
    const { recorder, pages } = recorderWithPages();
    for (let n = 0; n < CALLERS; n += 1) recorder.record(`caller-${n}`, n);
    await jest.advanceTimersByTimeAsync(MAX_DELAY_MS + 1_000);
    const saved = pages.flat();
    expect(saved).toHaveLength(CALLERS);
    expect(new Set(saved).size).toBe(CALLERS);
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThan(CALLERS / 10);
    await recorder.close();
  });

  it('of a caller that stays active is saved again within the delay', async () => {
    const { recorder, pages } = recorderWithPages();
    for (let atMs = 0; atMs < 10 * MAX_DELAY_MS; atMs += 1_000) {
      recorder.record('caller', atMs);
      await jest.advanceTimersByTimeAsync(1_000);
    }
    expect(pages.length).toBeGreaterThanOrEqual(9);
    await recorder.close();
  });
});
