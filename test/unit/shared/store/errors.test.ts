import { describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import { classifyStoreError, isStoreOutage } from '../../../../shared/store/errors';

const fromServer = (code: number): Error => new mongo.MongoServerError({ message: 'refused', code });

type BulkArguments = ConstructorParameters<typeof mongo.MongoBulkWriteError>;

/** The driver makes its results itself; of them only these two fields are read. */
function bulkWriteError(error: unknown, writeErrors: unknown[]): Error {
  const result: unknown = { getWriteConcernError: () => undefined, writeErrors };
  return new mongo.MongoBulkWriteError(error as BulkArguments[0], result as BulkArguments[1]);
}

/** As the driver throws it for an insert of many: the server's words on single documents. */
function fromBulk(...codes: number[]): Error {
  const writeErrors = codes.map((code, index) => ({ index, code, errmsg: 'refused' }));
  return bulkWriteError({ message: 'refused', code: codes[0], writeErrors }, writeErrors);
}

/** As the driver throws it when the server refuses the whole command, or cannot be reached. */
function wrapped(error: Error): Error {
  return bulkWriteError(error, []);
}

describe('errors of the store', () => {
  it.each([
    ['a server without a replica set', 20],
    ['a session that whoever took us for dead has ended', 11_601],
    ['a transaction that outlived its time', 290],
    ['a replica set whose clock has no keys yet', 211],
    ['a primary that stepped down', 10_107],
    ['an election under way', 11_602],
    ['a write concern that nobody can satisfy now', 100],
    ['a disk that is full', 14_031],
  ])('%s is an outage: no event is at fault', (_, code) => {
    expect(classifyStoreError(fromServer(code))).toBe('transient');
    expect(classifyStoreError(fromBulk(code))).toBe('transient');
    expect(classifyStoreError(wrapped(fromServer(code)))).toBe('transient');
  });

  it.each([
    'TransientTransactionError',
    'UnknownTransactionCommitResult',
    'RetryableWriteError',
    'SystemOverloadedError',
  ])('what the server labels %s is tried again, whatever its code', (label) => {
    const error = new mongo.MongoServerError({ message: 'refused', code: 121 });
    error.addErrorLabel(label);
    expect(classifyStoreError(error)).toBe('transient');
  });

  it.each([
    ['a document that a validator refuses', 121],
    ['a document that is too large', 10_334],
    ['a bad value', 2],
    ['a transaction too large for the cache', 388],
  ])('%s is the fault of its content', (_, code) => {
    expect(classifyStoreError(fromServer(code))).toBe('rejected');
    expect(classifyStoreError(fromBulk(code))).toBe('rejected');
    expect(classifyStoreError(wrapped(fromServer(code)))).toBe('rejected');
  });

  it('a bulk write that the network broke off is an outage', () => {
    expect(classifyStoreError(wrapped(new mongo.MongoNetworkError('connection closed')))).toBe('transient');
  });

  it('duplicate keys are told from everything else only when there is nothing else', () => {
    expect(classifyStoreError(fromServer(11_000))).toBe('duplicate');
    expect(classifyStoreError(fromBulk(11_000, 11_000))).toBe('duplicate');
    expect(classifyStoreError(fromBulk(11_000, 121))).toBe('rejected');
  });

  /** Named as the driver names the error of a connection that it interrupts; its class is not public. */
  class InterruptedError extends mongo.MongoNetworkError {
    override get name(): string {
      return 'PoolClearedOnNetworkError';
    }
  }

  it('isStoreOutage goes by the class of an error of the driver, not only by its name', () => {
    expect(isStoreOutage(new InterruptedError('interrupted due to server monitor timeout'))).toBe(true);
    expect(isStoreOutage(new mongo.MongoNetworkError('connection closed'))).toBe(true);
    expect(isStoreOutage(fromServer(121))).toBe(false);
    expect(isStoreOutage(fromServer(11_000))).toBe(false);
    expect(isStoreOutage(new Error('a bug of ours'))).toBe(false);
  });
});
