import { hash } from 'node:crypto';
import { configure } from 'safe-stable-stringify';

/** `previousHash` of the first entry in every chain. */
export const GENESIS_HASH = '0'.repeat(64);

/** An entry as shown and exported: everything but its seal. */
export type ChainContent = Readonly<Record<string, unknown>>;

/** Number and hash of a chain's newest entry. */
export interface ChainPosition {
  seq: number;
  hash: string;
}

/** Fields that the sealer adds to an entry. */
export interface Seal extends ChainPosition {
  previousHash: string;
}

export const CHAIN_START: ChainPosition = { seq: 0, hash: GENESIS_HASH };

/** Why an entry, or the chain's head, does not follow from what comes before it. */
export type ChainBreak =
  /** Its content, number or hash has changed since it was sealed. */
  | 'ENTRY_CHANGED'
  /** Entries are missing before it, or between the newest entry and the head. */
  | 'ENTRY_MISSING'
  /** Its number is already taken or invalid. */
  | 'ENTRY_INSERTED'
  /** It is intact, but was sealed after a different entry than the one before it. */
  | 'LINK_BROKEN'
  /** The head does not match the newest entry. */
  | 'HEAD_CHANGED';

const stable = configure({ deterministic: true });

/** Returns the hex SHA-256 of the JSON of content, `seq` and `previousHash`, with sorted keys and no whitespace. */
function hashOf(content: ChainContent, seq: number, previousHash: string): string {
  return hash('sha256', stable({ ...content, seq, previousHash }) ?? '', 'hex');
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
