import { createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { fingerprintOf, type SubmittedEvent } from '../../../../shared/domain/event';
import { formerEventId, isFormerId, keyedEventId, serverEventId } from '../../../../shared/domain/event-id';
import {
  envOf,
  newChunkId,
  partnerIdOf,
  partnerOf,
  tagOf,
  type Tenant,
  tenantOf,
  type UserRef,
} from '../../../../shared/domain/ids';
import { CACHE_SLOTS, cacheSlotOf, COMMIT_PARTITIONS, commitPartitionOf } from '../../../../shared/domain/partition';
import { deriveSecrets, keyedHash } from '../../../../shared/domain/subject';
import { anEvent } from '../../../support/builders';

const { userRef, eventId } = deriveSecrets('a-pepper-of-at-least-32-characters');
const idOf = (tenant: Tenant, agentId: string | null, key: string) => keyedEventId(eventId, tenant, agentId, key);
const anyTag = fc.stringMatching(/^[a-z0-9]{12}$/);
const anyTenant = fc
  .tuple(anyTag, fc.constantFrom('live' as const, 'test' as const))
  .map(([tag, env]) => tenantOf(partnerIdOf(tag), env));
const anyId = fc.string({ minLength: 1, maxLength: 256, unit: 'binary' });
const anyMetadata = fc.dictionary(
  fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
  fc.jsonValue(),
);
const ref = 'usr_AAAAAAAAAAAAAAAAAAAAAA' as UserRef;

/** Returns the JSON with the keys of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

describe('tenants, subjects and event IDs', () => {
  it('encodes the partner and the environment in a tenant', () => {
    fc.assert(
      fc.property(anyTag, fc.constantFrom('live' as const, 'test' as const), (tag, env) => {
        const tenant = tenantOf(partnerIdOf(tag), env);
        expect([envOf(tenant), tagOf(partnerOf(tenant))]).toEqual([env, tag]);
      }),
    );
  });

  it('computes HMAC-SHA-256 for text of any length, even if the hash function is reused', () => {
    const anyKey = fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => Buffer.from(bytes));
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary', minLength: 900, maxLength: 3_000 }),
    );
    fc.assert(
      fc.property(anyKey, fc.array(anyText, { minLength: 1, maxLength: 8 }), (key, texts) => {
        const hash = keyedHash(key);
        for (const text of texts) expect(hash(text)).toBe(createHmac('sha256', key).update(text).digest('base64url'));
      }),
    );
  });

  it('throws if the HMAC key is longer than a hash block', () => {
    expect(() => keyedHash(Buffer.from(hkdfSync('sha256', 'k', '', '', 65)))).toThrow(RangeError);
  });

  it('derives a different user reference and event ID per tenant from the same user ID and idempotency key', () => {
    fc.assert(
      fc.property(anyTenant, anyTenant, anyId, (one, other, id) => {
        fc.pre(one !== other);
        expect(userRef(one, id)).toMatch(/^usr_[\w-]{22}$/);
        expect(userRef(one, id)).toBe(userRef(one, id));
        expect(userRef(one, id)).not.toBe(userRef(other, id));
        expect(idOf(one, null, id)).toMatch(new RegExp(`^evt_${envOf(one)}_h[\\w-]{24}$`));
        expect(idOf(one, null, id)).toBe(idOf(one, null, id));
        expect(idOf(one, null, id)).not.toBe(idOf(other, null, id));
      }),
    );
  });

  it('derives different event IDs for the partner and each of its agents from the same idempotency key', () => {
    fc.assert(
      fc.property(anyTenant, anyId, fc.uniqueArray(anyTag, { minLength: 2, maxLength: 4 }), (tenant, key, tags) => {
        const callers = [null, ...tags.map((tag) => `agt_${tag}`)];
        expect(new Set(callers.map((agentId) => idOf(tenant, agentId, key))).size).toBe(callers.length);
      }),
    );
  });

  it('derives different event IDs from different peppers', () => {
    const { eventId: other } = deriveSecrets('b-pepper-of-at-least-32-characters');
    const tenant = tenantOf(partnerIdOf('abcdefgh2345'), 'live');
    const [first, second] = [eventId, other].map((hmac) => keyedEventId(hmac, tenant, null, 'ada@shop.example'));
    expect(second).not.toBe(first);
  });

  it('recognizes event IDs from an earlier version', () => {
    fc.assert(
      fc.property(anyTenant, anyId, (tenant, key) => {
        const former = formerEventId(tenant, key);
        const ids = [former, idOf(tenant, null, key), serverEventId(tenant, newChunkId(Date.now()), 0)];
        expect(ids.map(isFormerId)).toEqual([true, false, false]);
      }),
    );
  });

  it('derives different user references from different peppers', () => {
    const { userRef: other } = deriveSecrets('b-pepper-of-at-least-32-characters');
    const tenant = tenantOf(partnerIdOf('abcdefgh2345'), 'live');
    expect(other(tenant, 'u-1')).not.toBe(userRef(tenant, 'u-1'));
  });

  it('returns the same reference for a user whether it is cached or not', () => {
    const { userRef: uncached } = deriveSecrets('a-pepper-of-at-least-32-characters');
    const tenants = ['abcdefgh2345', 'bcdefgh23456'].map((tag) => tenantOf(partnerIdOf(tag), 'live'));
    const refs = new Map<string, string>();
    // Enough users to replace every cached reference twice.
    for (let n = 0; n < 60_000; n += 1) refs.set(`u-${n}`, userRef(tenants[n % 2]!, `u-${n}`));
    for (const [n, [user, ref]] of [...refs].entries()) {
      if (n % 500 !== 0) continue;
      expect(uncached(tenants[n % 2]!, user)).toBe(ref);
      expect(userRef(tenants[n % 2]!, user)).toBe(ref);
    }
    expect(new Set(refs.values()).size).toBe(refs.size);
  });

  it('derives different user references from different user IDs in one tenant', () => {
    const tenant = tenantOf(partnerIdOf('abcdefgh2345'), 'live');
    fc.assert(
      fc.property(fc.uniqueArray(anyId, { minLength: 2, maxLength: 20 }), (ids) => {
        const wellFormed = ids.filter((id) => id.isWellFormed());
        expect(new Set(wellFormed.map((id) => userRef(tenant, id))).size).toBe(wellFormed.length);
      }),
    );
  });

  it.each([
    ['usr_AAAAAAAAAAAAAAAAAAAAAA', 0],
    ['usr_AAAAAAAAAAAAAAAAAAAAAP', 15],
    ['usr_AAAAAAAAAAAAAAAAAAAAAQ', 0],
    ['usr_AAAAAAAAAAAAAAAAAAAAA0', 4],
    ['usr_AAAAAAAAAAAAAAAAAAAAA_', 15],
  ])(
    'always maps %s to cache slot %i, because processes running different versions share the cache',
    (userRef, slot) => {
      expect(cacheSlotOf(userRef as UserRef)).toBe(slot);
    },
  );

  it.each([
    ['cache slots', CACHE_SLOTS, cacheSlotOf],
    ['partitions for commits', COMMIT_PARTITIONS, commitPartitionOf],
  ])('spreads users evenly across all %s', (_name, slots, slotOf) => {
    const tenant = tenantOf(partnerIdOf('abcdefgh2345'), 'live');
    const users = 64_000;
    const counts = Array.from({ length: slots }, () => 0);
    for (let n = 0; n < users; n += 1) counts[slotOf(userRef(tenant, `user-${n}`))]! += 1;
    const expected = users / slots;
    for (const count of counts) {
      expect(count).toBeGreaterThan(expected * 0.85);
      expect(count).toBeLessThan(expected * 1.15);
    }
  });

  it('computes the same fingerprint for any order of the keys, at any depth', () => {
    fc.assert(
      fc.property(anyMetadata, (metadata) => {
        const reordered = reversed(metadata) as Record<string, unknown>;
        expect(fingerprintOf(ref, anEvent({ metadata: reordered }))).toBe(fingerprintOf(ref, anEvent({ metadata })));
      }),
    );
  });

  it('computes different fingerprints for different metadata', () => {
    fc.assert(
      fc.property(anyMetadata, anyMetadata, (one, other) => {
        const [a, b] = [one, other].map((metadata) => JSON.stringify(metadata));
        fc.pre(a !== b && JSON.stringify(reversed(one)) !== b);
        fc.pre(!same(JSON.parse(a!), JSON.parse(b!)));
        expect(fingerprintOf(ref, anEvent({ metadata: one }))).not.toBe(
          fingerprintOf(ref, anEvent({ metadata: other })),
        );
      }),
    );
  });

  function same(one: unknown, other: unknown): boolean {
    if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) return one === other;
    const [keys, others] = [Object.keys(one), Object.keys(other)];
    if (Array.isArray(one) !== Array.isArray(other) || keys.length !== others.length) return false;
    const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>];
    return keys.every((key) => Object.hasOwn(other, key) && same(left[key], right[key]));
  }

  it.each<[string, Partial<SubmittedEvent>]>([
    ['a different type', { eventType: 'mir.review.posted' }],
    ['an explicit time', { occurredAt: '2026-01-31T12:00:00.000Z' }],
    ['an explicit default weight', { weight: 1 }],
    ['empty metadata', { metadata: {} }],
  ])('computes a different fingerprint for an event with %s', (_what, change) => {
    expect(fingerprintOf(ref, anEvent(change))).not.toBe(fingerprintOf(ref, anEvent()));
  });

  it('includes the user but not the idempotency key in the fingerprint', () => {
    const other = 'usr_BBBBBBBBBBBBBBBBBBBBBB' as UserRef;
    expect(fingerprintOf(other, anEvent())).not.toBe(fingerprintOf(ref, anEvent()));
    expect(fingerprintOf(ref, anEvent({ idempotencyKey: 'k' }))).toBe(fingerprintOf(ref, anEvent()));
  });

  it('computes the same fingerprint for an instant in every time zone', () => {
    const anyTime = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true });
    const anyOffset = fc.integer({ min: -14 * 60, max: 14 * 60 });
    fc.assert(
      fc.property(anyTime, anyOffset, (time, offset) => {
        const shifted = new Date(time.getTime() + offset * 60_000).toISOString().slice(0, -1);
        const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
        const zone = `${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
        const inZone = fingerprintOf(ref, anEvent({ occurredAt: shifted + zone }));
        expect(inZone).toBe(fingerprintOf(ref, anEvent({ occurredAt: time.toISOString() })));
      }),
    );
  });

  it('creates unique chunk IDs that are valid BullMQ job IDs and sort by time', () => {
    const ids = Array.from({ length: 1_000 }, () => newChunkId(Date.UTC(2026, 0)));
    expect(new Set(ids).size).toBe(1_000);
    for (const id of ids) expect(id).toMatch(/^c[0-9a-z]+$/);
    expect(newChunkId(Date.UTC(2026, 0)) < newChunkId(Date.UTC(2026, 0) + 1)).toBe(true);
  });
});
