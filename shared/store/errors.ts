import { mongo } from 'mongoose';

/** How to handle a failed commit. */
export type StoreFailure =
  /** MongoDB is unavailable or busy. Wait and retry the same commit until it succeeds. */
  | 'transient'
  /** Another writer committed first. Read the data again before retrying. */
  | 'duplicate'
  /** MongoDB rejected an event's content. Split the commit group to isolate the event. */
  | 'rejected';

/**
 * Creates the error for an operation that exceeded its time limit. MIR treats this error as an outage. It enforces time
 * limits itself, because the driver has ignored `timeoutMS` since version 7.
 */
export function storeTooSlow(operation: string, timeoutMs: number): Error {
  return new mongo.MongoRuntimeError(`${operation} timed out after ${timeoutMs} ms`);
}

/** The error for a transaction whose attempts exceeded the time limit. Also treated as an outage. */
export class TransactionTooSlowError extends mongo.MongoRuntimeError {
  constructor(timeoutMs: number) {
    super(`transaction timed out after ${timeoutMs} ms`);
  }

  override get name(): string {
    return 'MongoTransactionTooSlowError';
  }
}

const DUPLICATE_KEY = 11_000;

/**
 * Error codes from servers that are unavailable or reject MIR's credentials. An event's content never causes these
 * errors.
 */
const OUTAGES = {
  HostUnreachable: 6,
  HostNotFound: 7,
  Unauthorized: 13,
  AuthenticationFailed: 18,
  /** A standalone server returns this code for every transaction. */
  IllegalOperation: 20,
  LockTimeout: 24,
  CursorNotFound: 43,
  LockBusy: 46,
  MaxTimeMSExpired: 50,
  CommandNotFound: 59,
  StaleShardVersion: 63,
  WriteConcernTimeout: 64,
  ShardNotFound: 70,
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
  /** The cluster has not yet created the keys that sign its clock. */
  KeyNotFound: 211,
  TransactionTooOld: 225,
  CursorKilled: 237,
  SnapshotUnavailable: 246,
  StaleDbVersion: 249,
  StaleChunkHistory: 250,
  NoSuchTransaction: 251,
  TooManyLogicalSessions: 261,
  ExceededTimeLimit: 262,
  PreparedTransactionInProgress: 267,
  MigrationConflict: 272,
  TransactionCoordinatorSteppingDown: 281,
  TransactionCoordinatorReachedAbortDecision: 282,
  TransactionCoordinatorDeadlineTaskCanceled: 287,
  TransactionExceededLifetimeLimit: 290,
  ShardInvalidatedForTargeting: 304,
  TransactionCoordinatorCanceled: 311,
  ConnectionPoolExpired: 317,
  ReshardingCriticalSectionTimeout: 342,
  ShardCannotRefreshDueToLocksHeld: 343,
  TemporarilyUnavailable: 365,
  /** An administrator blocks writes, for example while the data is copied to another cluster. */
  UserWritesBlocked: 371,
  ReauthenticationRequired: 391,
  IngressRequestRateLimitExceeded: 462,
  AtlasError: 8_000,
  SocketException: 9_001,
  LegacyNotPrimary: 10_058,
  NotWritablePrimary: 10_107,
  InterruptedAtShutdown: 11_600,
  /** Another process presumed this one dead and killed its session. */
  Interrupted: 11_601,
  InterruptedDueToReplStateChange: 11_602,
  StaleConfig: 13_388,
  NotPrimaryNoSecondaryOk: 13_435,
  NotPrimaryOrSecondary: 13_436,
  OutOfDiskSpace: 14_031,
} as const;
const OUTAGE_CODES: ReadonlySet<number> = new Set(Object.values(OUTAGES));

/** Labels of errors that the server or the driver considers temporary. */
const TRANSIENT_LABELS = [
  'TransientTransactionError',
  'RetryableWriteError',
  'UnknownTransactionCommitResult',
  'RetryableError',
  'SystemOverloadedError',
] as const;

function isLabeledTransient(error: mongo.MongoError): boolean {
  return TRANSIENT_LABELS.some((label) => error.hasErrorLabel(label));
}

/**
 * Classifies an error from the driver. An error counts as transient unless it reports a duplicate key or was caused by
 * an event's content.
 */
export function classifyStoreError(error: unknown): StoreFailure {
  if (error instanceof mongo.MongoBulkWriteError) {
    if (isLabeledTransient(error)) return 'transient';
    // A bulk error without write errors wraps the error that failed the whole command.
    const writeErrors = [error.writeErrors].flat();
    const codes = writeErrors.length > 0 ? writeErrors.map(({ code }) => code) : [error.code];
    if (codes.every((code) => code === DUPLICATE_KEY) && !error.result.getWriteConcernError()) return 'duplicate';
    return codes.every((code) => typeof code === 'number' && !OUTAGE_CODES.has(code)) ? 'rejected' : 'transient';
  }
  if (error instanceof mongo.MongoError) {
    if (isLabeledTransient(error) || error instanceof mongo.MongoNetworkError) return 'transient';
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
 * Returns true if a transaction took longer than MIR or the server allows. Repeating it unchanged would take as long
 * again.
 */
export function isTransactionTooSlow(error: unknown): boolean {
  if (error instanceof TransactionTooSlowError) return true;
  return error instanceof mongo.MongoServerError && error.code === OUTAGES.TransactionExceededLifetimeLimit;
}

/** Returns true if the server ended a query because it exceeded the query's `maxTimeMS`. */
export function isTimeLimitExceeded(error: unknown): boolean {
  return error instanceof mongo.MongoServerError && error.code === OUTAGES.MaxTimeMSExpired;
}

/**
 * Returns true if an error from the driver or mongoose means that MongoDB is unavailable or busy. Checks the class as
 * well as the name, because the names of some driver errors do not start with `Mongo`, such as
 * `PoolClearedOnNetworkError`.
 */
export function isStoreOutage(error: unknown): boolean {
  const fromDriver = error instanceof mongo.MongoError || (error instanceof Error && error.name.startsWith('Mongo'));
  return fromDriver && classifyStoreError(error) === 'transient';
}
