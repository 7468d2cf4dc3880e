import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { AGENT_TYPES, effectiveStatus, PRESET_SCOPES, PRESETS } from '../../../../shared/domain/agent';
import { createCatalog } from '../../../../shared/domain/catalog';
import {
  allows,
  covers,
  effectiveAllowlist,
  escalations,
  type Grant,
  isAllowPattern,
  isNarrowPattern,
  tightestLimit,
  wideningsBeyond,
} from '../../../../shared/domain/permissions';
import { isWithin, typesOf, typesOfAll } from '../../../support/event-types';

const TYPES = createCatalog().entries.map(({ eventType }) => eventType);
const CATEGORIES = [...new Set(createCatalog().entries.map(({ category }) => `mir.${category}.*`))];

const pattern = fc.oneof(fc.constantFrom(...TYPES), fc.constantFrom(...CATEGORIES), fc.constantFrom('*', 'mir.*'));
const allowlist = fc.array(pattern, { maxLength: 5 });
const limit = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 100 }));
const grant: fc.Arbitrary<Grant> = fc.record({
  type: fc.constantFrom(...AGENT_TYPES),
  preset: fc.constantFrom(...PRESETS),
  allowedEventTypes: allowlist,
  rateLimitPerMinute: limit,
});

/** Returns the effective permissions of the last agent on a path: those that every agent on the path has. */
const permissionsOf = (path: readonly Grant[]) => ({
  scopes: new Set(path.map(({ preset }) => PRESET_SCOPES[preset]).reduce((a, b) => a.filter((one) => b.includes(one)))),
  types: typesOfAll(path.map(({ allowedEventTypes }) => allowedEventTypes)),
  limit: tightestLimit(path) ?? Infinity,
});

describe('event type patterns', () => {
  it('covers another pattern if and only if it matches all event types of that pattern, including future types', () => {
    const all = [...TYPES, ...CATEGORIES, '*', 'mir.*'];
    for (const outer of all) {
      const matched = typesOf([outer]);
      for (const type of typesOf(['*']))
        expect([outer, type, allows([outer], type)]).toEqual([outer, type, matched.has(type)]);
      for (const inner of all) {
        expect([outer, inner, covers(outer, inner)]).toEqual([outer, inner, isWithin(typesOf([inner]), matched)]);
      }
    }
  });

  it('does not match a category with a similar name', () => {
    for (const type of ['mir.transactions.completed', 'mir.transaction_x.completed', 'xmir.transaction.completed']) {
      expect(allows(['mir.transaction.*', 'mir.transaction.completed'], type)).toBe(false);
    }
  });

  it.each([
    '',
    'mir',
    'mir.',
    'mir.*.*',
    '*.*',
    'mir.transaction',
    'mir.transaction.',
    'mir.Transaction.*',
    'mir.a.b.c',
    'mir.a.b*',
    ' *',
  ])('does not accept %j as a pattern', (text) => expect(isAllowPattern(text)).toBe(false));

  it('considers a pattern narrow only if it names at least the category', () => {
    expect(['*', 'mir.*'].map(isNarrowPattern)).toEqual([false, false]);
    expect([...TYPES, ...CATEGORIES].every(isNarrowPattern)).toBe(true);
  });
});

describe('attenuation', () => {
  it('never gives a child a scope or event type that an ancestor lacks, or a limit above that of an ancestor', () => {
    fc.assert(
      fc.property(fc.array(grant, { minLength: 1, maxLength: 6 }), grant, (path, child) => {
        fc.pre(escalations(path, child).length === 0);
        const [held, got] = [permissionsOf(path), permissionsOf([child])];
        expect(isWithin(got.scopes, held.scopes)).toBe(true);
        expect(isWithin(got.types, held.types)).toBe(true);
        if (child.rateLimitPerMinute !== null) expect(got.limit).toBeLessThanOrEqual(held.limit);
        if (path.at(-1)!.type === 'AI_AGENT') expect(child.type).toBe('AI_AGENT');
      }),
      { numRuns: 2_000 },
    );
  });

  it("reports exactly the fields that exceed the parent's permissions", () => {
    fc.assert(
      fc.property(grant, grant, (parent, child) => {
        const [held, got] = [permissionsOf([parent]), permissionsOf([child])];
        const named = escalations([parent], child).map(({ path }) => path);
        expect(named.includes('preset')).toBe(!isWithin(got.scopes, held.scopes));
        expect(named.includes('rateLimitPerMinute')).toBe(
          child.rateLimitPerMinute !== null && child.rateLimitPerMinute > held.limit,
        );
        expect(named.includes('type')).toBe(parent.type === 'AI_AGENT' && child.type !== 'AI_AGENT');
        expect(named.includes('allowedEventTypes')).toBe(!isWithin(got.types, held.types));
        expect(new Set(named).size).toBe(named.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('lets a child inherit exactly what its path allows, without any escalation', () => {
    fc.assert(
      fc.property(fc.array(grant, { minLength: 1, maxLength: 6 }), (path) => {
        const inherited = effectiveAllowlist(path);
        const child = { ...path.at(-1)!, allowedEventTypes: inherited, rateLimitPerMinute: null };
        expect(typesOf(inherited)).toEqual(permissionsOf(path).types);
        expect(escalations(path, child).filter(({ path: field }) => field !== 'preset')).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reports a change as widening only if it adds a permission that an ancestor lacks', () => {
    fc.assert(
      fc.property(
        fc.array(grant, { minLength: 1, maxLength: 4 }),
        grant,
        allowlist,
        limit,
        (path, before, list, rate) => {
          const after = { ...before, allowedEventTypes: list, rateLimitPerMinute: rate };
          const named = wideningsBeyond(path, before, after).map(({ path: field }) => field);
          const [was, is, held] = [permissionsOf([before]), permissionsOf([after]), permissionsOf(path)];
          const added = [...is.types].filter((type) => !was.types.has(type));
          if (added.some((type) => !held.types.has(type))) expect(named).toContain('allowedEventTypes');
          if (list.every((one) => before.allowedEventTypes.some((outer) => covers(outer, one)))) {
            expect(named).not.toContain('allowedEventTypes');
          }
          const isNarrower = before.rateLimitPerMinute !== null && rate !== null && rate <= before.rateLimitPerMinute;
          expect(named.includes('rateLimitPerMinute')).toBe(rate !== null && !isNarrower && rate > held.limit);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('effectiveStatus', () => {
  const killed = { killedAt: new Date(0), subtreeSuspendedAt: null };
  const suspended = { killedAt: null, subtreeSuspendedAt: new Date(0) };

  it.each([
    ['ACTIVE', [], 'ACTIVE'],
    ['ACTIVE', [suspended], 'SUSPENDED'],
    ['ACTIVE', [suspended, killed], 'REVOKED'],
    ['SUSPENDED', [killed], 'REVOKED'],
    ['PENDING_APPROVAL', [suspended], 'PENDING_APPROVAL'],
    ['PENDING_APPROVAL', [killed], 'REVOKED'],
    ['REJECTED', [killed], 'REJECTED'],
    ['REVOKED', [suspended], 'REVOKED'],
  ] as const)('resolves %s under ancestors with %j to %s', (own, marks, status) =>
    expect(effectiveStatus(own, [...marks])).toBe(status),
  );
});
