import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { AUDIT_HEAD_TYPE, type StreamBreak, type StreamVerdict, verifyStream } from '../../shared/audit/verify-stream';
import type { ChainPosition } from '../../shared/domain/audit-chain';
import { messageOf } from '../../shared/errors';
import { type PublicKey, verifyJws } from '../../shared/signing/signer';
import { printable, sheet } from './print';
import type { Shell } from './shell';

const FETCH_TIMEOUT_MS = 10_000;
/** Bounds what a wrong URL or file can make the command read. A key set grows by about four keys a year. */
const MAX_JWKS_CHARS = 1024 * 1024;

const jwksSchema = z.object({
  keys: z.array(z.looseObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), kid: z.string(), x: z.string() })),
});

const REASONS: Record<StreamBreak, string> = {
  ENTRY_CHANGED: 'the entry does not match its hash, or an earlier copy of it',
  ENTRY_MISSING: 'this entry is missing',
  ENTRY_INSERTED: 'the number of the entry is invalid',
  LINK_BROKEN: 'the entry does not continue the one before it',
  HEAD_CHANGED: 'the signed hash differs from that of the entry',
  LINE_INVALID: 'this is not a line of an audit stream',
  LINE_TRUNCATED: 'the last line is incomplete',
  OTHER_CHAIN: 'the line belongs to another chain',
  REPEATED_TOO_LATE: 'the line repeats an entry that is too far back to compare it; remove it and verify again',
  SIGNATURE_INVALID: 'none of the keys signed this head',
  HEAD_MISSING: 'the stream ends without a signed head',
};

/** Parses `<seq>:<hash>`, the last entry that was verified before. */
export function parsePosition(text: string): ChainPosition {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined) throw new InvalidArgumentError('Must be <seq>:<hash>, as an earlier verification printed it.');
  return { seq: Number(seq), hash: hash! };
}

async function readText(source: string): Promise<string> {
  if (!/^https?:\/\//.test(source)) return readFile(source, 'utf8');
  const response = await fetch(source, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`the server responded with ${response.status}`);
  return response.text();
}

/** Reads a JSON Web Key Set from a file or URL. */
async function readKeys(source: string): Promise<PublicKey[]> {
  try {
    const text = await readText(source);
    if (text.length > MAX_JWKS_CHARS) throw new Error(`it is longer than ${MAX_JWKS_CHARS} characters`);
    return jwksSchema.parse(JSON.parse(text)).keys as unknown as PublicKey[];
  } catch (error) {
    const why = error instanceof z.ZodError ? 'it is not a JSON Web Key Set with Ed25519 keys' : messageOf(error);
    throw new Error(`could not read the keys from ${source}: ${why}`, { cause: error });
  }
}

/** Formats a verdict for people. */
export function streamVerdictText(verdict: StreamVerdict): string {
  if (!verdict.intact) {
    const { line, seq, auditId, reason } = verdict.firstBroken;
    const entry = seq === null ? '' : `, entry ${seq}${auditId === null ? '' : ` (${printable(auditId)})`}`;
    return `Broken at line ${line}${entry}: ${reason}, ${REASONS[reason]}.`;
  }
  const { chain, entries, repeated, through, sealedThrough, head } = verdict;
  const facts = {
    chain,
    entries,
    repeated,
    'intact through': `${through.seq}:${through.hash}`,
    'sealed through': sealedThrough,
    'signed through': head.seq,
    'signed at': head.signedAt,
  };
  return `Intact.\n${sheet(facts)}`;
}

/** Verifies a saved audit stream from a file, or from standard input if `file` is `-`. Connects to no database. */
export async function verifySavedStream(
  shell: Shell,
  { file, jwks, after }: { file: string; jwks: string; after?: ChainPosition | undefined },
): Promise<StreamVerdict> {
  const keys = await readKeys(jwks);
  const chunks = file === '-' ? shell.stdinChunks() : createReadStream(file, 'utf8');
  return verifyStream(chunks as AsyncIterable<string>, (jws) => verifyJws(keys, jws, AUDIT_HEAD_TYPE), after);
}
