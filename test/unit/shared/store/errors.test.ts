import { describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import { classifyStoreError, isStoreOutage } from '../../../../shared/store/errors';

const fromServer = (code: number): Error => new mongo.MongoServerError({ message: 'rejected', code });

type BulkArguments = ConstructorParameters<typeof mongo.MongoBulkWriteError>;

/** Creates the driver's bulk write error. Its result class is not exported, so the result is a plain object. */
function bulkWriteError(error: unknown, writeErrors: unknown[]): Error {
  const result: unknown = { getWriteConcernError: () => undefined, writeErrors };
  return new mongo.MongoBulkWriteError(error as BulkArguments[0], result as BulkArguments[1]);
}

/** The error that the driver throws if the server rejects individual documents in a bulk insert. */
function fromBulk(...codes: number[]): Error {
  const writeErrors = codes.map((code, index) => ({ index, code, errmsg: 'rejected' }));
  return bulkWriteError({ message: 'rejected', code: codes[0], writeErrors }, writeErrors);
}

/** The error that the driver throws if the server rejects a whole bulk command or is unreachable. */
function wrapped(error: Error): Error {
  return bulkWriteError(error, []);
}

describe('classifyStoreError', () => {
  it.each([
    ['a server without a replica set', 20],
    ['a session that another process ended', 11_601],
    ['a transaction that exceeded its time limit', 290],
    ['a replica set whose clock has no keys yet', 211],
    ['a primary that stepped down', 10_107],
    ['an election in progress', 11_602],
    ['a router that does not know where data has moved', 249],
    ['a chunk that is moving to another shard', 272],
    ['a shard that stepped down while it coordinated a transaction', 281],
    ['a transaction that another shard aborted', 282],
    ['a shard that must first learn where data has moved', 343],
    ['a write concern that cannot be satisfied now', 100],
    ['a full disk', 14_031],
    ['a server that blocks writes', 371],
  ])('treats %s as transient', (_, code) => {
    expect(classifyStoreError(fromServer(code))).toBe('transient');
    expect(classifyStoreError(fromBulk(code))).toBe('transient');
    expect(classifyStoreError(wrapped(fromServer(code)))).toBe('transient');
  });

  it.each([
    'TransientTransactionError',
    'UnknownTransactionCommitResult',
    'RetryableWriteError',
    'SystemOverloadedError',
  ])('treats an error with the label %s as transient, regardless of its code', (label) => {
    const error = new mongo.MongoServerError({ message: 'rejected', code: 121 });
    error.addErrorLabel(label);
    expect(classifyStoreError(error)).toBe('transient');
  });

  it.each([
    ['a document that fails validation', 121],
    ['a document that is too large', 10_334],
    ['a bad value', 2],
    ['a transaction too large for the cache', 388],
  ])('treats %s as rejected content', (_, code) => {
    expect(classifyStoreError(fromServer(code))).toBe('rejected');
    expect(classifyStoreError(fromBulk(code))).toBe('rejected');
    expect(classifyStoreError(wrapped(fromServer(code)))).toBe('rejected');
  });

  it('treats a bulk write interrupted by a network error as transient', () => {
    expect(classifyStoreError(wrapped(new mongo.MongoNetworkError('connection closed')))).toBe('transient');
  });

  it('returns duplicate only if every write error is a duplicate key error', () => {
    expect(classifyStoreError(fromServer(11_000))).toBe('duplicate');
    expect(classifyStoreError(fromBulk(11_000, 11_000))).toBe('duplicate');
    expect(classifyStoreError(fromBulk(11_000, 121))).toBe('rejected');
  });
});

describe('isStoreOutage', () => {
  /** Imitates the error that the driver throws if a connection is interrupted, because its class is not exported. */
  class InterruptedError extends mongo.MongoNetworkError {
    override get name(): string {
      return 'PoolClearedOnNetworkError';
    }
  }

  it('recognizes driver errors by their class, not only by their name', () => {
    expect(isStoreOutage(new InterruptedError('interrupted due to server monitor timeout'))).toBe(true);
    expect(isStoreOutage(new mongo.MongoNetworkError('connection closed'))).toBe(true);
    expect(isStoreOutage(fromServer(121))).toBe(false);
    expect(isStoreOutage(fromServer(11_000))).toBe(false);
    expect(isStoreOutage(new Error('a bug'))).toBe(false);
  });
});
