import { describe, expect, it } from '@jest/globals';
import { laneOf } from '../../../../shared/queue/event-queue';

const chunks = (count: number, events: number) =>
  Array.from({ length: count }, () => ({ events: Array.from({ length: events }, () => ({})) }));

describe('laneOf', () => {
  it.each([
    ['the first large chunk of a tenant', 0, chunks(1, 500), 'interactive'],
    ['the fourth large chunk', 3, chunks(1, 500), 'interactive'],
    ['the fifth large chunk', 4, chunks(1, 500), 'bulk'],
    ['a batch of five large chunks', 0, chunks(5, 500), 'bulk'],
    ['a small chunk of a tenant with a few open chunks', 15, chunks(1, 25), 'interactive'],
    ['a small chunk of a tenant with a backlog', 16, chunks(1, 25), 'bulk'],
    ['a chunk of 26 events of a tenant with five open chunks', 5, chunks(1, 26), 'bulk'],
  ])('puts %s into the right lane', (_what, openChunks, added, lane) => {
    expect(laneOf(openChunks, added)).toBe(lane);
  });
});
