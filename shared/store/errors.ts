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

/** Codes of servers that are unavailable or reject our credentials: an operator must act; no event is at fault. */
const OUTAGES = {
  HostUnreachable: 6,
  HostNotFound: 7,
  Unauthorized: 13,
  AuthenticationFailed: 18,
  /** A server without a replica set answers it to every transaction. */
  IllegalOperation: 20,
  LockTimeout: 24,
  CursorNotFound: 43,
  LockBusy: 46,
  MaxTimeMSExpired: 50,
  CommandNotFound: 59,
  StaleShardVersion: 63,
  WriteConcernTimeout: 64,
  UnknownReplWriteConcern: 79,
  NetworkTimeout: 89,
  ShutdownInProgress: 91,
  UnsatisfiableWriteConcern: 100,
  WriteConflict: 112,
  CommandNotSupported: 115,
  FailedToSatisfyReadPreference: 133,
  ReadConcernMajorityNotAvailableYet: 134,
  StaleEpoch: 150,
  QueryPlanKilled: 175,
  PrimarySteppedDown: 189,
  NetworkInterfaceExceededTimeLimit: 202,
  /** The keys of the cluster's clock are not there yet. */
  KeyNotFound: 211,
  TransactionTooOld: 225,
  CursorKilled: 237,
  SnapshotUnavailable: 246,
  NoSuchTransaction: 251,
  TooManyLogicalSessions: 261,
  ExceededTimeLimit: 262,
  PreparedTransactionInProgress: 267,
  TransactionExceededLifetimeLimit: 290,
  ConnectionPoolExpired: 317,
  TemporarilyUnavailable: 365,
  ReauthenticationRequired: 391,
  IngressRequestRateLimitExceeded: 462,
  AtlasError: 8_000,
  SocketException: 9_001,
  LegacyNotPrimary: 10_058,
  NotWritablePrimary: 10_107,
  InterruptedAtShutdown: 11_600,
  /** Whoever took a slow worker for dead ended its session. */
  Interrupted: 11_601,
  InterruptedDueToReplStateChange: 11_602,
  StaleConfig: 13_388,
  NotPrimaryNoSecondaryOk: 13_435,
  NotPrimaryOrSecondary: 13_436,
  OutOfDiskSpace: 14_031,
} as const;
const OUTAGE_CODES: ReadonlySet<number> = new Set(Object.values(OUTAGES));

/** What servers and driver call errors that pass by themselves. */
const TRANSIENT_LABELS = [
  'TransientTransactionError',
  'RetryableWriteError',
  'UnknownTransactionCommitResult',
  'RetryableError',
  'SystemOverloadedError',
] as const;

function isLabelledTransient(error: mongo.MongoError): boolean {
  return TRANSIENT_LABELS.some((label) => error.hasErrorLabel(label));
}

/** Sorts an error of the driver; anything unknown that did not come from the content counts as transient. */
export function classifyStoreError(error: unknown): StoreFailure {
  if (error instanceof mongo.MongoBulkWriteError) {
    if (isLabelledTransient(error)) return 'transient';
    // Without any of its own it wraps what refused the whole command.
    const writeErrors = [error.writeErrors].flat();
    const codes = writeErrors.length > 0 ? writeErrors.map(({ code }) => code) : [error.code];
    if (codes.every((code) => code === DUPLICATE_KEY) && !error.result.getWriteConcernError()) return 'duplicate';
    return codes.every((code) => typeof code === 'number' && !OUTAGE_CODES.has(code)) ? 'rejected' : 'transient';
  }
  if (error instanceof mongo.MongoError) {
    if (isLabelledTransient(error) || error instanceof mongo.MongoNetworkError) return 'transient';
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

/**
 * Returns whether the store is away or busy, by an error of the driver or of mongoose. The driver's class decides and
 * not only its name: `PoolClearedOnNetworkError`, thrown when the server stops responding, does not begin with "Mongo".
 */
export function isStoreOutage(error: unknown): boolean {
  const ofDriver = error instanceof mongo.MongoError || (error instanceof Error && error.name.startsWith('Mongo'));
  return ofDriver && classifyStoreError(error) === 'transient';
}
