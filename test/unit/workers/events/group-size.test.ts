import { describe, expect, it } from '@jest/globals';
import { createGroupSize } from '../../../../workers/events/group-size';

const FAST = { ms: 20, aborted: false };
const SLOW = { ms: 2_000, aborted: false };
const ABORTED = { ms: 20, aborted: true };

describe('createGroupSize', () => {
  it.each([
    ['slow', SLOW],
    ['aborted', ABORTED],
  ])('halves the maximum after a commit that was %s', (_what, commit) => {
    const size = createGroupSize(1_000);
    size.record(commit);
    expect(size.events()).toBe(500);
    size.record(commit);
    expect(size.events()).toBe(250);
  });

  it('grows back slowly, and never above the initial maximum', () => {
    const size = createGroupSize(1_000);
    size.record(SLOW);
    size.record(FAST);
    expect(size.events()).toBe(525);
    for (let n = 0; n < 100; n += 1) size.record(FAST);
    expect(size.events()).toBe(1_000);
  });

  it('keeps groups large enough to make progress', () => {
    const size = createGroupSize(1_000);
    for (let n = 0; n < 100; n += 1) size.record(ABORTED);
    expect(size.events()).toBe(50);
  });
});
