import { describe, expect, it } from '@jest/globals';
import { laneOf } from '../../../../shared/queue/event-queue';

const chunks = (count: number, events: number) =>
  Array.from({ length: count }, () => ({ events: Array.from({ length: events }, () => ({})) }));

describe('laneOf', () => {
  it.each([
    ['the first small chunk of a tenant', 0, chunks(1, 1), 'interactive'],
    ['the sixteenth open chunk of a tenant', 15, chunks(1, 100), 'interactive'],
    ['the seventeenth open chunk', 16, chunks(1, 1), 'bulk'],
    ['two chunks, one of which is the seventeenth', 15, chunks(2, 1), 'bulk'],
    ['a large chunk of a tenant without open chunks', 0, chunks(1, 101), 'bulk'],
  ])('puts %s into the right lane', (_what, openChunks, added, lane) => {
    expect(laneOf(openChunks, added)).toBe(lane);
  });
});
