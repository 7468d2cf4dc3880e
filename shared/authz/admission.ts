import type { ChunkId } from '../domain/ids';
import type { Budget } from './budget';
import type { CheckKey } from './check-key';
import type { Credential } from './credential';

/** A request, or several that are charged together. */
export interface Entry {
  cost: number;
  /**
   * `whole` grants the full cost or nothing. `part` grants as many units as are left, for an entry that several
   * requests share. `credit` always charges the full cost, because the work is already done, and grants it if at least
   * one unit was left. The resulting debt is capped at one minute's budget.
   */
  grant: 'whole' | 'part' | 'credit';
  /** Chunks to mark as open if anything is granted. */
  chunkIds: ChunkId[];
}

/** The result of authorization: the caller, the units granted, and the time. */
export interface Admission {
  credential: Credential;
  /** Time on the partner's clock in Redis. Null while Redis is down. */
  nowMs: number | null;
  /** The tenant's watermark. Every event received before this time is finalized. Null while Redis is down. */
  watermarkMs: number | null;
  openChunks: number;
  /** The tightest budget on the key's path. */
  budget: Budget | null;
  /** Units granted to each entry, in order. */
  granted: number[];
  /**
   * Checks a key of the same tenant. Throws if Redis has become unavailable, or if too many unknown keys were presented.
   * While Redis is down, uses only MongoDB.
   */
  checkKey: CheckKey;
}
