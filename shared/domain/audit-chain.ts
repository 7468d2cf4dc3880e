import { hash } from 'node:crypto';
import { configure } from 'safe-stable-stringify';

/** What the first entry of every chain names as the hash before it. */
export const GENESIS_HASH = '0'.repeat(64);

/** An entry's content as it is shown and exported: everything but its place in the chain. */
export type ChainContent = Readonly<Record<string, unknown>>;

/** Where a chain stands: its newest entry's number and hash. */
export interface ChainPosition {
  seq: number;
  hash: string;
}

/** What the sealer adds to an entry. */
export interface Seal extends ChainPosition {
  previousHash: string;
}

export const CHAIN_START: ChainPosition = { seq: 0, hash: GENESIS_HASH };

/** Why an entry, or the chain's head, does not fit what comes before it. */
export type ChainBreak =
  /** Its content, number or hash was changed after sealing. */
  | 'ENTRY_CHANGED'
  /** Entries before it are gone, or the newest ones that the head tells of. */
  | 'ENTRY_MISSING'
  /** It stands where the chain already has, or cannot have, an entry. */
  | 'ENTRY_INSERTED'
  /** It is whole in itself, but does not follow the entry before it: another one stood there. */
  | 'LINK_BROKEN'
  /** The head does not tell of the newest entry. */
  | 'HEAD_CHANGED';

const stable = configure({ deterministic: true });

/** SHA-256, in hex, over the JSON of content, `seq` and `previousHash`, with the keys in order and no white space. */
function hashOf(content: ChainContent, seq: number, previousHash: string): string {
  return hash('sha256', stable({ ...content, seq, previousHash }) ?? '', 'hex');
}

/** The seal of the entry that follows `previous`. */
export function sealAfter(previous: ChainPosition, content: ChainContent): Seal {
  const seq = previous.seq + 1;
  return { seq, previousHash: previous.hash, hash: hashOf(content, seq, previous.hash) };
}

/** What is wrong with an entry that should follow `previous`; null when it does. */
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
