import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { effectiveStatus, OWN_STATUSES_OF } from '../../../../shared/domain/agent';
import { ACTIVITY_LAG_MS, isExpired, lifetimeOf, type LifetimeFacts } from '../../../../shared/domain/agent-lifetime';
import { type MarkedNode, statusesInPathOrder } from '../../../../shared/domain/tree-order';

const T0 = 1_800_000_000_000;
const at = (seconds: number): Date => new Date(T0 + seconds * 1_000);
const facts = (changes: Partial<LifetimeFacts> = {}): LifetimeFacts => ({
  status: 'ACTIVE',
  createdAt: at(0),
  updatedAt: at(0),
  lastActivityAt: null,
  ...changes,
});
const expiredAt = (path: LifetimeFacts[], seconds: number): boolean => isExpired(path, at(seconds).getTime());

describe('lifetimeOf', () => {
  it('has no limits for agents without limits', () => {
    expect(lifetimeOf([facts(), facts({ expiresAt: null, idleTimeoutSeconds: null })])).toEqual({
      expiresAtMs: Infinity,
      idleMs: Infinity,
      endsAtMs: Infinity,
    });
  });

  it('uses the earliest expiry and the shortest idle timeout of the path', () => {
    const path = [facts({ expiresAt: at(500), idleTimeoutSeconds: 900 }), facts({ expiresAt: at(800) })];
    expect(lifetimeOf([...path, facts({ idleTimeoutSeconds: 1_000 })])).toMatchObject({
      expiresAtMs: at(500).getTime(),
      idleMs: 900_000,
    });
    expect(lifetimeOf([...path, facts({ expiresAt: at(10), idleTimeoutSeconds: 100 })])).toMatchObject({
      expiresAtMs: at(10).getTime(),
      idleMs: 100_000,
    });
  });
});

describe('isExpired', () => {
  it('is true from expiresAt on', () => {
    const path = [facts({ expiresAt: at(100) })];
    expect(isExpired(path, at(100).getTime() - 1)).toBe(false);
    expect(isExpired(path, at(100).getTime())).toBe(true);
  });

  it.each<[string, Partial<LifetimeFacts>]>([
    ['its creation', { createdAt: at(1_000) }],
    ['its last change', { updatedAt: at(1_000) }],
    ['its last activity', { lastActivityAt: at(1_000) }],
    ['the last activity of a descendant', { descendantActivityAt: at(1_000) }],
  ])('counts the idle time from %s, and allows for activity that is not stored yet', (_what, changes) => {
    const path = [facts({ idleTimeoutSeconds: 300, ...changes })];
    const endMs = at(1_300).getTime() + ACTIVITY_LAG_MS;
    expect(isExpired(path, endMs - 1)).toBe(false);
    expect(isExpired(path, endMs)).toBe(true);
  });

  it('applies the idle timeout of an ancestor to each descendant, but not that of a descendant to an ancestor', () => {
    const root = facts({ idleTimeoutSeconds: 300, lastActivityAt: at(1_000) });
    const child = facts({ lastActivityAt: at(0) });
    expect(expiredAt([root], 1_000)).toBe(false);
    expect(expiredAt([root, child], 1_000)).toBe(true);
    expect(expiredAt([facts(), facts({ idleTimeoutSeconds: 300 })], 1_000)).toBe(true);
    expect(expiredAt([facts()], 1_000_000)).toBe(false);
  });

  it('is true below an agent whose expiry is recorded, whatever the limits are', () => {
    expect(expiredAt([facts({ status: 'EXPIRED' }), facts({ expiresAt: at(100) })], 1)).toBe(true);
  });

  it('is never false for a child whose parent has expired', () => {
    const someFacts = fc
      .record({
        created: fc.integer({ min: 0, max: 1_000 }),
        active: fc.option(fc.integer({ min: 0, max: 1_000 })),
        expires: fc.option(fc.integer({ min: 0, max: 2_000 })),
        idle: fc.option(fc.integer({ min: 60, max: 1_000 })),
      })
      .map(({ created, active, expires, idle }) =>
        facts({
          createdAt: at(created),
          lastActivityAt: active === null ? null : at(active),
          expiresAt: expires === null ? null : at(expires),
          idleTimeoutSeconds: idle,
        }),
      );
    fc.assert(
      fc.property(
        fc.array(someFacts, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 3_000 }),
        (path, now) => {
          for (let depth = 1; depth < path.length; depth += 1) {
            if (expiredAt(path.slice(0, depth), now)) expect(expiredAt(path.slice(0, depth + 1), now)).toBe(true);
          }
          const earliest = Math.min(...path.map(({ expiresAt }) => expiresAt?.getTime() ?? Infinity));
          expect(lifetimeOf(path).endsAtMs).toBeLessThanOrEqual(earliest);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('effectiveStatus of expired agents', () => {
  const killed = { killedAt: at(0), subtreeSuspendedAt: null };
  const suspended = { killedAt: null, subtreeSuspendedAt: at(0) };

  it.each([
    ['ACTIVE', [], 'EXPIRED'],
    ['SUSPENDED', [suspended], 'EXPIRED'],
    ['PENDING_APPROVAL', [], 'EXPIRED'],
    ['ACTIVE', [killed], 'REVOKED'],
    ['REVOKED', [], 'REVOKED'],
    ['REJECTED', [], 'REJECTED'],
    ['EXPIRED', [killed], 'EXPIRED'],
  ] as const)('resolves %s under %j to %s', (own, marks, status) => {
    expect(effectiveStatus(own, [...marks], true)).toBe(status);
    expect(OWN_STATUSES_OF[status]).toContain(own);
  });
});

describe('statusesInPathOrder', () => {
  const node = (path: string, changes: Partial<MarkedNode> = {}): MarkedNode => ({
    ...facts(),
    path,
    killedAt: null,
    subtreeSuspendedAt: null,
    ...changes,
  });

  it('applies the limits of an agent to its descendants only', () => {
    const statusOf = statusesInPathOrder(at(500).getTime(), [node('/a')]);
    const nodes = [
      node('/a/b', { expiresAt: at(400) }),
      node('/a/b/c'),
      node('/a/b/c/d', { expiresAt: at(900) }),
      node('/a/e', { idleTimeoutSeconds: 100, descendantActivityAt: at(450) }),
      node('/a/e/f', { lastActivityAt: at(450) }),
      node('/a/e/g'),
      node('/a/h', { expiresAt: at(501) }),
    ];
    expect(nodes.map(statusOf)).toEqual(['EXPIRED', 'EXPIRED', 'EXPIRED', 'ACTIVE', 'ACTIVE', 'EXPIRED', 'ACTIVE']);
  });
});
