import { describe, expect, it } from '@jest/globals';
import { REMEMBERED_ENTRIES, verifyStream } from '../../../../shared/audit/verify-stream';
import { CHAIN_START, type ChainPosition, sealAfter } from '../../../../shared/domain/audit-chain';
import { canonicalJson } from '../../../../shared/domain/canonical-json';

const CHAIN = 'prt_1:live';
/** What these tests sign with. The tests of the command use real keys. */
const SIGNED = 'signed ';
const verifyHead = (signature: string): Promise<string> =>
  signature.startsWith(SIGNED) ? Promise.resolve(signature.slice(SIGNED.length)) : Promise.reject(new Error('forged'));

interface Entry extends ChainPosition {
  previousHash: string;
  [field: string]: unknown;
}

function entryAfter(previous: ChainPosition, changes: object = {}): Entry {
  const n = previous.seq + 1;
  const at = new Date(1_700_000_000_000 + n * 1_000).toISOString();
  const content = {
    auditId: `aud_${n}`,
    chain: CHAIN,
    action: 'agent.killed',
    at,
    before: { b: 1, a: [n] },
    ...changes,
  };
  return { ...content, ...sealAfter(previous, content) };
}

function entriesAfter(start: ChainPosition, count: number): Entry[] {
  const entries: Entry[] = [];
  for (let n = 0; n < count; n += 1) entries.push(entryAfter(entries.at(-1) ?? start));
  return entries;
}

const entryLine = (entry: Entry): string => `${JSON.stringify({ type: 'entry', cursor: 'c', entry })}\n`;

function headLine(
  { seq, hash }: ChainPosition,
  { chain = CHAIN, signature }: { chain?: string; signature?: string } = {},
) {
  const at = '2026-01-01T00:00:00.000Z';
  const head = { chain, seq, hash, sealedThrough: at, signedAt: at };
  return `${JSON.stringify({ type: 'head', cursor: 'c', head, signature: signature ?? SIGNED + canonicalJson(head) })}\n`;
}

async function* inChunks(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

const verify = (lines: string[], after?: ChainPosition, size = 64 * 1024) =>
  verifyStream(inChunks(lines.join(''), size), verifyHead, after);

const ENTRIES = entriesAfter(CHAIN_START, 6);
const LAST = ENTRIES.at(-1)!;
const LINES = [...ENTRIES.map(entryLine), headLine(LAST)];
/** Returns the lines with some replaced: `changes` maps the index of a line to the lines at its place. */
const changed = (changes: Record<number, string[]>): string[] => LINES.flatMap((line, n) => changes[n] ?? [line]);
const intact = {
  intact: true,
  chain: CHAIN,
  entries: 6,
  repeated: 0,
  through: { seq: 6, hash: LAST.hash },
  sealedThrough: '2023-11-14T22:13:26.000Z',
  head: { seq: 6, signedAt: '2026-01-01T00:00:00.000Z' },
};
const broken = (line: number, reason: string, seq: number | null = null, auditId: string | null = null) => ({
  intact: false,
  firstBroken: { line, seq, auditId, reason },
});

describe('verification of a saved audit stream', () => {
  it.each([1, 7, 64 * 1024])('accepts a stream that is read in pieces of %i characters', async (size) => {
    expect(await verify(LINES, CHAIN_START, size)).toEqual(intact);
  });

  it('accepts a last line without a line end, and entries after the last head', async () => {
    const more = entriesAfter(LAST, 2);
    const lines = [...LINES, ...more.map(entryLine)];
    expect(await verify([lines.join('').trimEnd()])).toMatchObject({
      entries: 8,
      through: { seq: 8, hash: more[1]!.hash },
      head: { seq: 6 },
    });
  });

  it('accepts repeated lines and repeated runs of lines', async () => {
    const lines = [...LINES.slice(0, 4), LINES[3]!, LINES[1]!, ...LINES, LINES[0]!, LINES[6]!];
    expect(await verify(lines)).toEqual({ ...intact, repeated: 7 });
  });

  it('continues after an entry that was verified before', async () => {
    const [, , third] = ENTRIES;
    expect(await verify(LINES.slice(3), third)).toEqual({ ...intact, entries: 3 });
    expect(await verify(LINES.slice(3), { ...third!, hash: 'f'.repeat(64) })).toMatchObject({
      firstBroken: { line: 1, seq: 4, reason: 'LINK_BROKEN' },
    });
  });

  it('finds a changed entry', async () => {
    const entry = { ...ENTRIES[2]!, action: 'agent.spared' };
    expect(await verify(changed({ 2: [entryLine(entry)] }))).toEqual(broken(3, 'ENTRY_CHANGED', 3, 'aud_3'));
  });

  it('finds an entry that was changed and hashed again', async () => {
    const entry = entryAfter(ENTRIES[1]!, { action: 'agent.spared' });
    expect(await verify(changed({ 2: [entryLine(entry)] }))).toEqual(broken(4, 'LINK_BROKEN', 4, 'aud_4'));
  });

  it('finds a chain that was hashed again from a changed entry, because its head is not signed', async () => {
    const forged = [entryAfter(ENTRIES[1]!, { action: 'agent.spared' })];
    for (let n = 0; n < 3; n += 1) forged.push(entryAfter(forged.at(-1)!));
    const lines = [...LINES.slice(0, 2), ...forged.map(entryLine)];
    expect(await verify([...lines, headLine(LAST)])).toEqual(broken(7, 'HEAD_CHANGED', 6));
    expect(await verify([...lines, headLine(forged.at(-1)!, { signature: 'none' })])).toEqual(
      broken(7, 'SIGNATURE_INVALID', 6),
    );
    expect(await verify(lines)).toEqual(broken(7, 'HEAD_MISSING'));
  });

  it.each([0, 2, 5])('finds that the entry at index %i was removed', async (n) => {
    expect(await verify(changed({ [n]: [] }))).toEqual(broken(n + 1, 'ENTRY_MISSING', n + 1));
  });

  it('finds entries in another order', async () => {
    expect(await verify(changed({ 2: [LINES[3]!], 3: [LINES[2]!] }))).toEqual(broken(3, 'ENTRY_MISSING', 3));
  });

  it('finds a repeated entry that differs from the first one', async () => {
    const entry = entryAfter(ENTRIES[1]!, { action: 'agent.spared' });
    const other = { ...ENTRIES[2]!, action: 'agent.spared' };
    for (const repeated of [entry, other]) {
      const lines = changed({ 5: [LINES[5]!, entryLine(repeated)] });
      expect(await verify(lines)).toEqual(broken(7, 'ENTRY_CHANGED', 3, 'aud_3'));
    }
  });

  it('finds a forged head, and the signature of another head', async () => {
    const signature = SIGNED + canonicalJson({ chain: CHAIN, seq: 5, hash: ENTRIES[4]!.hash });
    for (const forged of ['forged', signature]) {
      expect(await verify(changed({ 6: [headLine(LAST, { signature: forged })] }))).toEqual(
        broken(7, 'SIGNATURE_INVALID', 6),
      );
    }
  });

  it('finds a signed head that does not match the entries', async () => {
    expect(await verify(changed({ 6: [headLine({ ...LAST, hash: ENTRIES[0]!.hash })] }))).toEqual(
      broken(7, 'HEAD_CHANGED', 6),
    );
    expect(await verify(changed({ 5: [] }))).toEqual(broken(6, 'ENTRY_MISSING', 6));
  });

  it('finds lines of another chain', async () => {
    expect(await verify([...LINES, headLine(LAST, { chain: 'prt_2:live' })])).toEqual(broken(8, 'OTHER_CHAIN', 6));
    const entry = entryAfter(LAST, { chain: 'prt_2:live' });
    expect(await verify([...LINES, entryLine(entry)])).toEqual(broken(8, 'OTHER_CHAIN', 7, 'aud_7'));
  });

  it('finds a last line that is cut off, and any other line that is not one of a stream', async () => {
    const text = LINES.join('');
    for (const cut of [2, 20, 100]) expect(await verify([text.slice(0, -cut)])).toEqual(broken(7, 'LINE_TRUNCATED'));
    const notLines = [
      '',
      'null',
      '[]',
      '{"type":"entry"}',
      '{"type":"other"}',
      '{"type":"head","head":{},"signature":""}',
    ];
    for (const line of notLines) {
      expect(await verify(changed({ 2: [`${line}\n`] }))).toEqual(broken(3, 'LINE_INVALID'));
    }
    expect(await verify(changed({ 2: [entryLine({ ...ENTRIES[2]!, seq: 2.5 })] }))).toEqual(broken(3, 'LINE_INVALID'));
  });

  it('finds invalid numbers', async () => {
    for (const seq of [0, -1]) {
      const line = entryLine({ ...ENTRIES[2]!, seq });
      expect(await verify(changed({ 2: [line] }))).toEqual(broken(3, 'ENTRY_INSERTED', seq, 'aud_3'));
    }
  });

  it('does not accept an empty stream', async () => {
    expect(await verify([])).toEqual(broken(1, 'HEAD_MISSING'));
  });

  it('remembers a limited number of entries', async () => {
    async function* long(): AsyncGenerator<string> {
      let last = CHAIN_START;
      for (let n = 0; n <= REMEMBERED_ENTRIES; n += 1) {
        const entry = entryAfter(last);
        last = entry;
        yield entryLine(entry);
      }
      yield headLine(last);
      yield LINES[1]!;
      yield LINES[0]!;
    }
    expect(await verifyStream(long(), verifyHead)).toEqual(
      broken(REMEMBERED_ENTRIES + 4, 'REPEATED_TOO_LATE', 1, 'aud_1'),
    );
  });
});
