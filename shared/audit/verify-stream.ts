import { z } from 'zod';
import { breakAfter, type ChainBreak, CHAIN_START, type ChainPosition } from '../domain/audit-chain';
import { canonicalJson } from '../domain/canonical-json';

/** `typ` of the signature of a head. */
export const AUDIT_HEAD_TYPE = 'mir-audit-head+jws';
/** Maximum length of a line, in characters. No entry is longer than a MongoDB document (16 MiB). */
const MAX_LINE_CHARS = 16 * 1024 * 1024;
/** Number of entries whose hashes are kept, so that repeated lines can be compared with the first ones. */
export const REMEMBERED_ENTRIES = 10_000;

/** Why a saved stream is not the chain that MIR signed. */
export type StreamBreak =
  | ChainBreak
  /** The line is not a line of an audit stream. */
  | 'LINE_INVALID'
  /** The last line is incomplete. */
  | 'LINE_TRUNCATED'
  /** The line belongs to another chain than those before it. */
  | 'OTHER_CHAIN'
  /** The line repeats an entry that was sent too long ago to compare it. */
  | 'REPEATED_TOO_LATE'
  /** None of the keys signed this head. */
  | 'SIGNATURE_INVALID'
  /** The stream ends without any signed head. */
  | 'HEAD_MISSING';

/** The last entry that was verified, and what signed it. */
export type StreamVerdict =
  | {
      intact: true;
      chain: string;
      /** Number of entries, without repeated ones. */
      entries: number;
      repeated: number;
      through: ChainPosition;
      sealedThrough: string | null;
      /** The last signed head. Entries after it are intact, but nothing proves that none of them was removed. */
      head: { seq: number; signedAt: string };
    }
  | { intact: false; firstBroken: { line: number; seq: number | null; auditId: string | null; reason: StreamBreak } };

const entrySchema = z.looseObject({
  auditId: z.string(),
  chain: z.string(),
  at: z.iso.datetime(),
  seq: z.int(),
  previousHash: z.string(),
  hash: z.string(),
});
const headSchema = z.strictObject({
  chain: z.string(),
  seq: z.int(),
  hash: z.string(),
  sealedThrough: z.iso.datetime(),
  signedAt: z.iso.datetime(),
});
const lineSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('entry'), entry: entrySchema }),
  z.looseObject({ type: z.literal('head'), head: headSchema, signature: z.string() }),
]);
type Entry = z.output<typeof entrySchema>;
type Head = z.output<typeof headSchema>;

/** Returns the text that a signature covers. Rejects if it is not the signature of an audit head by a known key. */
type VerifyHead = (signature: string) => Promise<string>;

interface Line {
  text: string;
  /** False if the stream ends within the line. */
  complete: boolean;
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<Line> {
  let rest = '';
  for await (const chunk of chunks) {
    const [first, ...more] = chunk.split('\n');
    rest += first!;
    for (const next of more) {
      yield { text: rest, complete: true };
      rest = next;
    }
    // Reported as an invalid line.
    if (rest.length > MAX_LINE_CHARS) yield { text: '', complete: true };
  }
  if (rest !== '') yield { text: rest, complete: false };
}

/** Returns the parsed line, or null if it is not a line of an audit stream. */
function parse(text: string): z.output<typeof lineSchema> | null {
  try {
    const value = JSON.parse(text) as z.output<typeof lineSchema>;
    return lineSchema.safeParse(value).success ? value : null;
  } catch {
    return null;
  }
}

/** Checks the lines of a saved stream one by one. */
function createChecker(after: ChainPosition, verifyHead: VerifyHead) {
  const hashes = new Map([[after.seq, after.hash]]);
  let chain: string | null = null;
  let last = after;
  let throughMs: number | null = null;
  let head: Head | null = null;
  let [entries, repeated] = [0, 0];

  function checkEntry(entry: Entry): StreamBreak | null {
    const { seq, hash, previousHash, ...content } = entry;
    if (seq <= last.seq) {
      if (seq < 1) return 'ENTRY_INSERTED';
      if (!hashes.has(seq)) return 'REPEATED_TOO_LATE';
      repeated += 1;
      const isSame = hashes.get(seq) === hash && !breakAfter({ seq: seq - 1, hash: previousHash }, content, entry);
      return isSame ? null : 'ENTRY_CHANGED';
    }
    const reason = breakAfter(last, content, entry);
    if (reason) return reason;
    last = { seq, hash };
    entries += 1;
    throughMs = Math.max(throughMs ?? 0, Date.parse(entry.at));
    hashes.set(seq, hash);
    hashes.delete(seq - REMEMBERED_ENTRIES);
    return null;
  }

  async function checkHead(found: Head, signature: string): Promise<StreamBreak | null> {
    const signed = await verifyHead(signature).catch(() => null);
    if (signed !== canonicalJson(found)) return 'SIGNATURE_INVALID';
    if (found.seq > last.seq) return 'ENTRY_MISSING';
    if (!hashes.has(found.seq)) return 'REPEATED_TOO_LATE';
    if (hashes.get(found.seq) !== found.hash) return 'HEAD_CHANGED';
    if (found.seq >= (head?.seq ?? 0)) head = found;
    return null;
  }

  return {
    /** Returns why a line is not what follows, or null if it is. */
    check: async ({ text, complete }: Line): Promise<{ reason: StreamBreak; about: Partial<Entry> } | null> => {
      const line = parse(text);
      if (!line) return { reason: complete ? 'LINE_INVALID' : 'LINE_TRUNCATED', about: {} };
      const about: Partial<Entry> & { chain: string } = line.type === 'entry' ? line.entry : line.head;
      chain ??= about.chain;
      if (about.chain !== chain) return { reason: 'OTHER_CHAIN', about };
      const reason = line.type === 'entry' ? checkEntry(line.entry) : await checkHead(line.head, line.signature);
      return reason && { reason, about: reason === 'ENTRY_MISSING' ? { seq: last.seq + 1 } : about };
    },

    /** Returns what was verified, or null without a signed head. */
    end: (): StreamVerdict | null => {
      if (chain === null || head === null) return null;
      const { seq, signedAt } = head;
      const sealedThrough = throughMs === null ? null : new Date(throughMs).toISOString();
      const facts = { chain, entries, repeated, through: last, sealedThrough };
      return { intact: true, ...facts, head: { seq, signedAt } };
    },
  };
}

/**
 * Verifies a saved audit stream without access to MIR: the numbers, hashes and links of its entries, and the signatures
 * of its heads. Reads it once, with constant memory. Accepts repeated lines, because a stream sends each line at least
 * once. `after` is the last entry that was verified before, if the stream does not start with the first entry.
 */
export async function verifyStream(
  chunks: AsyncIterable<string>,
  verifyHead: VerifyHead,
  after: ChainPosition = CHAIN_START,
): Promise<StreamVerdict> {
  const checker = createChecker(after, verifyHead);
  let line = 0;
  for await (const next of linesOf(chunks)) {
    line += 1;
    const broken = await checker.check(next);
    if (!broken) continue;
    const { seq = null, auditId = null } = broken.about;
    return { intact: false, firstBroken: { line, seq, auditId, reason: broken.reason } };
  }
  const missing = { line: line + 1, seq: null, auditId: null, reason: 'HEAD_MISSING' } as const;
  return checker.end() ?? { intact: false, firstBroken: missing };
}
