import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { newChunkId, partnerIdOf, tenantOf } from '../../../../shared/domain/ids';
import { chunkIdsOf, readReceipt, type ReceiptFacts, signReceipt } from '../../../../shared/domain/receipt';
import { deriveSecrets } from '../../../../shared/domain/subject';

const { receipt: secret } = deriveSecrets('a-pepper-of-at-least-32-characters');
const { receipt: otherSecret } = deriveSecrets('b-pepper-of-at-least-32-characters');
const LATEST_MS = Date.UTC(2_150, 0);

const anyTenant = fc
  .tuple(fc.stringMatching(/^[a-z0-9]{12}$/), fc.constantFrom('live' as const, 'test' as const))
  .map(([tag, env]) => tenantOf(partnerIdOf(tag), env));
const anyFacts: fc.Arbitrary<ReceiptFacts> = fc
  .record({
    receivedAtMs: fc.integer({ min: 1, max: LATEST_MS }),
    chunks: fc.integer({ min: 1, max: 5_000 }),
    slot: fc.option(fc.integer({ min: 0, max: 499 })),
    accepted: fc.integer({ min: 1, max: 5_000 }),
  })
  .map((facts) => ({ ...facts, base: newChunkId(facts.receivedAtMs) }));

describe('receipt IDs', () => {
  it('returns the data that was signed into a receipt ID', () => {
    fc.assert(
      fc.property(anyTenant, anyFacts, (tenant, facts) => {
        const receiptId = signReceipt(secret, tenant, facts);
        expect(readReceipt(secret, tenant, receiptId)).toEqual(facts);
        expect(receiptId.length).toBeLessThanOrEqual(200);
        expect(encodeURIComponent(receiptId)).toBe(receiptId);
      }),
    );
  });

  it('rejects a receipt ID with one changed character', () => {
    const characters = '0123456789abcdefghijklmnopqrstuvwxyzABCXYZ._-';
    fc.assert(
      fc.property(
        anyTenant,
        anyFacts,
        fc.nat(),
        fc.constantFrom(...characters.split('')),
        (tenant, facts, place, character) => {
          const receiptId = signReceipt(secret, tenant, facts);
          const at = place % receiptId.length;
          fc.pre(receiptId[at] !== character);
          const changed = receiptId.slice(0, at) + character + receiptId.slice(at + 1);
          expect(readReceipt(secret, tenant, changed)).toBeNull();
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('rejects a receipt ID that belongs to another tenant or was signed with another secret', () => {
    fc.assert(
      fc.property(anyTenant, anyTenant, anyFacts, (tenant, stranger, facts) => {
        fc.pre(tenant !== stranger);
        const receiptId = signReceipt(secret, tenant, facts);
        expect(readReceipt(secret, stranger, receiptId)).toBeNull();
        expect(readReceipt(otherSecret, tenant, receiptId)).toBeNull();
      }),
    );
  });

  it('rejects text that is not a receipt ID, without throwing', () => {
    fc.assert(fc.property(anyTenant, fc.string(), (tenant, text) => readReceipt(secret, tenant, text) === null));
  });

  it('lists each chunk of a receipt once, and only the shared chunk if the receipt has a slot', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const ids = chunkIdsOf(facts);
        expect(ids).toHaveLength(facts.slot === null ? facts.chunks : 1);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });
});
