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

/** Three entries in their places. */
function chainOfThree() {
  const first = sealAfter(CHAIN_START, content(1));
  const second = sealAfter(first, content(2));
  return [first, second, sealAfter(second, content(3))] as const;
}

describe('an audit chain', () => {
  it('hashes an entry as anybody can: its JSON with sorted keys, its place and the hash before', () => {
    const json = `{"at":"1970-01-01T00:00:00.001Z","auditId":"aud_1","before":null,"previousHash":"${GENESIS_HASH}","seq":1,"target":"agt_1"}`;
    const expected = createHash('sha256').update(json).digest('hex');
    expect(sealAfter(CHAIN_START, content(1))).toEqual({ seq: 1, previousHash: GENESIS_HASH, hash: expected });
  });

  it('takes each entry after the one before it', () => {
    const [first, second, third] = chainOfThree();
    expect(breakAfter(CHAIN_START, content(1), first)).toBeNull();
    expect(breakAfter(first, content(2), second)).toBeNull();
    expect(breakAfter(second, content(3), third)).toBeNull();
  });

  it('does not mind in which order the fields of an entry are stored', () => {
    const [first] = chainOfThree();
    const turned = Object.fromEntries(Object.entries(content(1)).reverse());
    expect(breakAfter(CHAIN_START, turned, first)).toBeNull();
  });

  it.each([
    ['a changed field', { ...content(2), target: 'agt_9' }],
    ['a field more', { ...content(2), note: 'x' }],
    ['a field less', { target: 'agt_2', auditId: 'aud_2', at: new Date(2) }],
  ])('finds %s', (_what, changed) => {
    const [first, second] = chainOfThree();
    expect(breakAfter(first, changed, second)).toBe('ENTRY_CHANGED');
  });

  it('finds a removed entry', () => {
    const [first, , third] = chainOfThree();
    expect(breakAfter(first, content(3), third)).toBe('ENTRY_MISSING');
  });

  it('finds two entries that changed places', () => {
    const [first, second, third] = chainOfThree();
    expect(breakAfter(first, content(3), { ...third, seq: second.seq })).toBe('ENTRY_CHANGED');
  });

  it('finds a forged entry by the one after it', () => {
    const [first, , third] = chainOfThree();
    const forged = sealAfter(first, { ...content(2), target: 'agt_9' });
    expect(breakAfter(first, { ...content(2), target: 'agt_9' }, forged)).toBeNull();
    expect(breakAfter(forged, content(3), third)).toBe('LINK_BROKEN');
  });

  it.each([undefined, null, 'two', 1, 1.5, 0])('finds an entry with the number %j where 2 should be', (seq) => {
    const [first, second] = chainOfThree();
    expect(breakAfter(first, content(2), { ...second, seq })).toBe('ENTRY_INSERTED');
  });
});
