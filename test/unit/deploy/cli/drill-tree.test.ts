import { describe, expect, it } from '@jest/globals';
import { parentsOf } from '../../../../deploy/cli/drill-tree';

/** Returns the depth of every agent. Fails if a parent comes after its child. */
function depthsOf(parents: readonly (number | null)[]): number[] {
  const depths: number[] = [];
  for (const [agent, parent] of parents.entries()) {
    if (parent !== null) expect(parent).toBeLessThan(agent);
    depths.push(parent === null ? 0 : depths[parent]! + 1);
  }
  return depths;
}

describe('parentsOf', () => {
  it.each([
    { size: 1, depth: 8, deepest: 0 },
    { size: 5, depth: 8, deepest: 4 },
    { size: 10, depth: 1, deepest: 1 },
    { size: 100, depth: 8, deepest: 8 },
    { size: 5_000, depth: 3, deepest: 3 },
    { size: 5_000, depth: 32, deepest: 32 },
  ])('builds one tree of $size agents, $deepest levels deep', ({ size, depth, deepest }) => {
    const parents = parentsOf(size, depth);
    expect(parents).toHaveLength(size);
    expect(parents.filter((parent) => parent === null)).toHaveLength(1);
    expect(Math.max(...depthsOf(parents))).toBe(deepest);
  });

  it('has agents on every level, and several children below an agent', () => {
    const parents = parentsOf(1_000, 8);
    expect(new Set(depthsOf(parents)).size).toBe(9);
    expect(parents.filter((parent) => parent === 1).length).toBeGreaterThan(2);
  });
});
