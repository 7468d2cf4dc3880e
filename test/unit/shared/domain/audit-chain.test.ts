import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  breakAfter,
  CHAIN_START,
  type ChainContent,
  GENESIS_HASH,
  sealAfter,
} from '../../../../shared/domain/audit-chain';

const content = (n: number): ChainContent => ({
  target: `agt_${n}`,
  auditId: `aud_${n}`,
  at: new Date(n),
  before: null,
});

/** Returns the links of three consecutive entries. */
function chainOfThree() {
  const first = sealAfter(CHAIN_START, content(1));
  const second = sealAfter(first, content(2));
  return [first, second, sealAfter(second, content(3))] as const;
}

describe('audit chain', () => {
  it("hashes an entry's JSON with sorted keys, its sequence number and the previous hash", () => {
    const json = `{"at":"1970-01-01T00:00:00.001Z","auditId":"aud_1","before":null,"previousHash":"${GENESIS_HASH}","seq":1,"target":"agt_1"}`;
    const expected = createHash('sha256').update(json).digest('hex');
    expect(sealAfter(CHAIN_START, content(1))).toEqual({ seq: 1, previousHash: GENESIS_HASH, hash: expected });
  });

  it('accepts each entry after its predecessor', () => {
    const [first, second, third] = chainOfThree();
    expect(breakAfter(CHAIN_START, content(1), first)).toBeNull();
    expect(breakAfter(first, content(2), second)).toBeNull();
    expect(breakAfter(second, content(3), third)).toBeNull();
  });

  it('ignores the order in which the fields of an entry are stored', () => {
    const [first] = chainOfThree();
    const reordered = Object.fromEntries(Object.entries(content(1)).reverse());
    expect(breakAfter(CHAIN_START, reordered, first)).toBeNull();
  });

  it.each([
    ['a changed field', { ...content(2), target: 'agt_9' }],
    ['an added field', { ...content(2), note: 'x' }],
    ['a removed field', { target: 'agt_2', auditId: 'aud_2', at: new Date(2) }],
  ])('detects %s', (_what, changed) => {
    const [first, second] = chainOfThree();
    expect(breakAfter(first, changed, second)).toBe('ENTRY_CHANGED');
  });

  it('detects a removed entry', () => {
    const [first, , third] = chainOfThree();
    expect(breakAfter(first, content(3), third)).toBe('ENTRY_MISSING');
  });

  it('detects two swapped entries', () => {
    const [first, second, third] = chainOfThree();
    expect(breakAfter(first, content(3), { ...third, seq: second.seq })).toBe('ENTRY_CHANGED');
  });

  it('detects a forged entry through its successor', () => {
    const [first, , third] = chainOfThree();
    const forged = sealAfter(first, { ...content(2), target: 'agt_9' });
    expect(breakAfter(first, { ...content(2), target: 'agt_9' }, forged)).toBeNull();
    expect(breakAfter(forged, content(3), third)).toBe('LINK_BROKEN');
  });

  it.each([undefined, null, 'two', 1, 1.5, 0])(
    'detects an entry that has the sequence number %j instead of 2',
    (seq) => {
      const [first, second] = chainOfThree();
      expect(breakAfter(first, content(2), { ...second, seq })).toBe('ENTRY_INSERTED');
    },
  );
});
