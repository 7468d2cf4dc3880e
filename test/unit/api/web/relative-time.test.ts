import { describe, expect, it } from '@jest/globals';
import { relativeTime } from '../../../../api/web/design/app-parts';

const NOW_MS = Date.UTC(2026, 10, 27, 12);

describe('a relative time', () => {
  it.each([
    [-1, 'just now'],
    [-59, 'just now'],
    [-60, '1 minute ago'],
    [-119, '1 minute ago'],
    [-3_599, '59 minutes ago'],
    [-3_600, '1 hour ago'],
    [-86_400 * 2, '2 days ago'],
    [-86_400 * 400, '1 year ago'],
    [30, 'in less than a minute'],
    [86_400 * 6 + 3_600, 'in 6 days'],
    // What was just given seven days.
    [86_400 * 7 - 1, 'in 7 days'],
    [3_600 - 1, 'in 1 hour'],
  ])('%d seconds from now is shown as “%s”', (seconds, text) => {
    expect(relativeTime(new Date(NOW_MS + seconds * 1_000), NOW_MS)).toBe(text);
  });
});
