import { describe, expect, it } from '@jest/globals';
import { laneOf } from '../../../../shared/queue/event-queue';

const chunks = (count: number, events: number) =>
  Array.from({ length: count }, () => ({ events: Array.from({ length: events }, () => ({})) }));

describe('laneOf', () => {
  it.each([
    ['the first small chunk of a tenant', 'interactive', 0, chunks(1, 1)],
    ['the sixteenth open chunk of a tenant', 'interactive', 15, chunks(1, 100)],
    ['the seventeenth open chunk', 'bulk', 16, chunks(1, 1)],
    ['two chunks, one of which is the seventeenth', 'bulk', 15, chunks(2, 1)],
    ['a large chunk of a tenant without open chunks', 'bulk', 0, chunks(1, 101)],
  ] as const)('puts %s into the %s lane', (_what, lane, openChunks, added) => {
    expect(laneOf(openChunks, added)).toBe(lane);
  });
});
