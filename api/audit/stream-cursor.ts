import { CHAIN_START, type ChainPosition } from '../../shared/domain/audit-chain';
import type { AuditDoc } from '../../shared/store/audit';
import { encryptCursor, readCursor } from '../http/paging';

/** How far a client has read a chain, and the last head that it got. */
export interface StreamPosition extends ChainPosition {
  /** The latest `at` of any entry that was sent. */
  throughMs: number;
  /** Position of the last head that was sent, and when it was signed. 0 if none was. */
  headSeq: number;
  headAtMs: number;
}

/** Longer than every position, so that the length of a cursor does not show how long a chain is. */
const PADDED_LENGTH = 150;

const STREAM_START: StreamPosition = { ...CHAIN_START, throughMs: 0, headSeq: 0, headAtMs: 0 };

const AFTER = { path: 'after', message: 'Must be the unchanged `cursor` of a line that this stream returned.' };

/** Returns the position after an entry. */
export function positionAfter(position: StreamPosition, { seq, hash, at }: AuditDoc): StreamPosition {
  return { ...position, seq: seq!, hash: hash!, throughMs: Math.max(position.throughMs, at.getTime()) };
}

/** Returns the cursor of a position. Only the same owner can use it. */
export function cursorOf(key: Buffer, owner: string, position: StreamPosition): string {
  const { seq, hash, throughMs, headSeq, headAtMs } = position;
  const rest = [hash, throughMs, headSeq, headAtMs].join(' ');
  return encryptCursor(key, owner, [seq, rest.padEnd(PADDED_LENGTH - String(seq).length)]);
}

/** Returns the position of a cursor, or the start of the chain without one. Throws 422 if it is not the owner's. */
export function positionOf(key: Buffer, owner: string, cursor: string | undefined): StreamPosition {
  const read = readCursor(key, owner, cursor, AFTER);
  if (!read) return STREAM_START;
  const [hash, throughMs, headSeq, headAtMs] = read.id.split(' ');
  const numbers = { throughMs: Number(throughMs), headSeq: Number(headSeq), headAtMs: Number(headAtMs) };
  return { seq: read.atMs, hash: hash!, ...numbers };
}
