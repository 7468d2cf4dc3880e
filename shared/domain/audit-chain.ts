import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json';

/** `previousHash` of the first entry in every chain. */
export const GENESIS_HASH = '0'.repeat(64);

/** An audit entry as shown and exported, without its seal. */
export type ChainContent = Readonly<Record<string, unknown>>;

/** The number and hash of a chain's newest entry. */
export interface ChainPosition {
  seq: number;
  hash: string;
}

/** Fields that the sealer adds to an entry. */
export interface Seal extends ChainPosition {
  previousHash: string;
}

export const CHAIN_START: ChainPosition = { seq: 0, hash: GENESIS_HASH };

/** Why an entry or the chain's head fails verification. */
export type ChainBreak =
  /** The entry's content, number or hash has changed since the entry was sealed. */
  | 'ENTRY_CHANGED'
  /** Entries are missing before this entry, or between the newest entry and the head. */
  | 'ENTRY_MISSING'
  /** The entry's number is invalid or already taken. */
  | 'ENTRY_INSERTED'
  /** The entry is intact, but its `previousHash` does not match the entry before it. */
  | 'LINK_BROKEN'
  /** The head does not match the newest entry. */
  | 'HEAD_CHANGED';

/** Returns the hex SHA-256 of the content, `seq` and `previousHash` as JSON with sorted keys and no whitespace. */
function hashOf(content: ChainContent, seq: number, previousHash: string): string {
  return hash('sha256', canonicalJson({ ...content, seq, previousHash }), 'hex');
}

/** Returns the seal of the entry that follows `previous`. */
export function sealAfter(previous: ChainPosition, content: ChainContent): Seal {
  const seq = previous.seq + 1;
  return { seq, previousHash: previous.hash, hash: hashOf(content, seq, previous.hash) };
}

/** Returns why an entry does not follow `previous`, or null if it does. */
export function breakAfter(
  previous: ChainPosition,
  content: ChainContent,
  seal: { [K in keyof Seal]?: unknown },
): ChainBreak | null {
  const { seq, previousHash } = seal;
  if (typeof seq !== 'number' || seq <= previous.seq || !Number.isInteger(seq)) return 'ENTRY_INSERTED';
  if (seq !== previous.seq + 1) return 'ENTRY_MISSING';
  if (typeof previousHash !== 'string' || hashOf(content, seq, previousHash) !== seal.hash) return 'ENTRY_CHANGED';
  return previousHash === previous.hash ? null : 'LINK_BROKEN';
}
