import { mongo } from 'mongoose';

/** What to do about a failed commit. */
export type StoreFailure =
  /** The store is away or busy: wait and try the same again, for as long as it takes. */
  | 'transient'
  /** Another writer was first: read again, then try again. */
  | 'duplicate'
  /** The store refuses the content: only splitting the group helps. */
  | 'rejected';

/**
 * The store took longer than the caller waits; an outage like any other. The driver has no such limit of its own any
 * more: its `timeoutMS` is without effect since 7.
 */
export function storeTooSlow(what: string, timeoutMs: number): Error {
  return new mongo.MongoRuntimeError(`${what}: not done within ${timeoutMs} ms`);
}

const DUPLICATE_KEY = 11_000;
/** Codes of servers that cannot serve now or do not let us in: an operator mends them, no event is at fault. */
const OUTAGE_CODES = new Set([
  6, 7, 13, 18, 24, 50, 63, 89, 91, 112, 133, 150, 189, 202, 225, 246, 251, 262, 317, 8000, 9001, 10_107, 11_600,
  11_602, 13_435, 13_436, 14_031,
]);

/** Sorts an error of the driver; anything unknown that did not come from the content counts as transient. */
export function classifyStoreError(error: unknown): StoreFailure {
  if (error instanceof mongo.MongoBulkWriteError) {
    const writeErrors = [error.writeErrors].flat();
    const duplicatesOnly = writeErrors.length > 0 && writeErrors.every(({ code }) => code === DUPLICATE_KEY);
    if (duplicatesOnly && !error.result.getWriteConcernError()) return 'duplicate';
    if (error.hasErrorLabel('TransientTransactionError')) return 'transient';
    return writeErrors.length > 0 && writeErrors.every(({ code }) => !OUTAGE_CODES.has(code))
      ? 'rejected'
      : 'transient';
  }
  if (error instanceof mongo.MongoError) {
    const labelled = error.hasErrorLabel('TransientTransactionError') || error.hasErrorLabel('RetryableWriteError');
    if (labelled || error instanceof mongo.MongoNetworkError) return 'transient';
    if (error instanceof mongo.MongoServerError) {
      if (error.code === DUPLICATE_KEY) return 'duplicate';
      return OUTAGE_CODES.has(Number(error.code)) ? 'transient' : 'rejected';
    }
    return error instanceof mongo.MongoInvalidArgumentError ? 'rejected' : 'transient';
  }
  return error instanceof mongo.BSON.BSONError || error instanceof RangeError || error instanceof TypeError
    ? 'rejected'
    : 'transient';
}
