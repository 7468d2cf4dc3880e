import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  allowsIp,
  grantOfNewKey,
  type KeyGrant,
  normalizedIpRange,
  rightsBeyond,
} from '../../../../shared/domain/partner-key';
import { allows } from '../../../../shared/domain/permissions';
import { KEY_SCOPES } from '../../../../shared/domain/scopes';

const TYPES = ['mir.transaction.completed', 'mir.transaction.refunded', 'mir.review.posted', 'mir.content.posted'];
const PATTERNS = ['*', 'mir.*', 'mir.transaction.*', 'mir.review.*', ...TYPES];
const ADDRESSES = ['10.0.0.1', '10.0.1.1', '192.0.2.7', '2001:db8::1', '2001:db8:1::1'];
const RANGES = ['0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/24', '192.0.2.7/32', '::/0', '2001:db8::/32', '2001:db8::1/128'];
const TIMES = [10, 20, 30].map((n) => new Date(n));

const listOf = <T>(values: readonly T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 4 });
const grant = fc.record({
  scopes: listOf(KEY_SCOPES),
  allowedEventTypes: fc.option(listOf(PATTERNS)),
  allowedIps: fc.option(listOf(RANGES)),
  expiresAt: fc.option(fc.constantFrom(...TIMES)),
});
const request = fc.record(
  {
    scopes: listOf(KEY_SCOPES),
    allowedEventTypes: listOf(PATTERNS),
    allowedIps: listOf(RANGES),
    expiresAt: fc.constantFrom(...TIMES),
  },
  { requiredKeys: [] },
);

/** Everything that a key may do: uses of each scope, submissions of each type, from each address, at each time. */
function usesOf({ scopes, allowedEventTypes, allowedIps, expiresAt }: KeyGrant): string[] {
  const types = allowedEventTypes ? TYPES.filter((type) => allows(allowedEventTypes, type)) : TYPES;
  const ips = allowedIps ? ADDRESSES.filter((ip) => allowsIp(allowedIps, ip)) : ADDRESSES;
  const times = [5, 15, 25, 35].filter((ms) => expiresAt === null || ms < expiresAt.getTime());
  return times.flatMap((ms) => ips.flatMap((ip) => [...scopes, ...types].map((use) => `${use} from ${ip} at ${ms}`)));
}

describe('the rights of a key', () => {
  it('never exceed those of its creator, through any sequence of keys that create keys', () => {
    fc.assert(
      fc.property(grant, fc.array(request, { minLength: 1, maxLength: 6 }), (first, requests) => {
        let creator: KeyGrant = first;
        for (const one of requests) {
          const child = grantOfNewKey(creator, one);
          if (rightsBeyond(creator, child).length > 0) continue;
          const held = new Set(usesOf(creator));
          expect(usesOf(child).filter((use) => !held.has(use))).toEqual([]);
          creator = child;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('are granted if the creator has them', () => {
    fc.assert(
      fc.property(grant, (creator) => {
        expect(rightsBeyond(creator, creator)).toEqual([]);
        expect(rightsBeyond(creator, grantOfNewKey(creator, {}))).toEqual([]);
      }),
    );
  });
});

describe('normalizedIpRange', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7/32'],
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['2001:DB8::1', '2001:db8::1/128'],
    ['::ffff:203.0.113.7', '203.0.113.7/32'],
  ])('normalizes %s', (text, normalized) => {
    expect(normalizedIpRange(text)).toBe(normalized);
    expect(normalizedIpRange(normalized)).toBe(normalized);
  });

  it.each(['', '10.1', '010.0.0.1', '0x7f.0.0.1', '10.0.0.0/33', '::/129', 'localhost', '10.0.0.0/', '10.0.0.1 '])(
    'rejects %j',
    (text) => {
      expect(normalizedIpRange(text)).toBeNull();
    },
  );
});
