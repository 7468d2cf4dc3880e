import { beforeAll, describe, expect, it } from '@jest/globals';
import { connectStore } from '../../../../shared/store/connect';
import { classifyStoreError } from '../../../../shared/store/errors';
import { createStore, type Store } from '../../../../shared/store/store';
import { faultEnvironment } from '../../../support/fault-environment';
import type { OwnStore } from '../../../support/own-store';
import { waitUntil } from '../../../support/wait-until';
import { rawCollection } from '../../../support/raw-collection';

const REPLY_TIMEOUT_MS = 300;
/** More than the operating system buffers for a connection. */
const LARGE_BYTES = 14 * 1024 * 1024;

const { closeAtEnd, ownMongo } = faultEnvironment();
let store: Store;
let impatient: Store;
let mongo: OwnStore;
beforeAll(async () => {
  mongo = await ownMongo();
  store = createStore(await connectStore(mongo.url));
  impatient = createStore(await connectStore(mongo.url, { replyTimeoutMs: REPLY_TIMEOUT_MS }));
  closeAtEnd(store);
  closeAtEnd(impatient);
});

const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => classifyStoreError(error),
  );

describe('time limits of MongoDB operations', () => {
  it('aborts a transaction whose write is blocked beyond its time limit, and reports a transient error', async () => {
    const partners = rawCollection(store.partners.model);
    await partners.insertOne({ _id: 'prt_locked', name: 'original' });
    const rename = (name: string, session: Parameters<Parameters<Store['transaction']>[0]>[0]) =>
      partners.updateOne({ _id: 'prt_locked' }, { $set: { name } }, { session });
    const { session: holder } = await store.openSession();
    holder.startTransaction();
    await rename('locked', holder);
    expect(await outcomeOf(store.transaction((session) => rename('late', session), 300))).toBe('transient');
    await holder.abortTransaction();
    await holder.endSession();
    expect(await partners.findOne({ _id: 'prt_locked' })).toMatchObject({ name: 'original' });
    expect(await outcomeOf(store.transaction((session) => rename('free', session), 5_000))).toBe('done');
  });

  it('fails a read, a write and a transaction if the server does not reply in time, and works again afterward', async () => {
    const partners = rawCollection(impatient.partners.model);
    const rename = (session?: Parameters<Parameters<Store['transaction']>[0]>[0]) =>
      partners.updateOne({ _id: 'prt_frozen' }, { $set: { name: 'renamed' } }, session ? { session } : {});
    await partners.insertOne({ _id: 'prt_frozen', name: 'original' });
    mongo.freeze();
    try {
      const outcomes = await Promise.all([
        outcomeOf(partners.findOne({ _id: 'prt_frozen' })),
        outcomeOf(rename()),
        outcomeOf(impatient.transaction(rename, REPLY_TIMEOUT_MS)),
      ]);
      expect(outcomes).toEqual(['transient', 'transient', 'transient']);
    } finally {
      mongo.thaw();
    }
    await waitUntil(
      'a transaction is committed',
      async () => (await outcomeOf(impatient.transaction(rename, 5_000))) === 'done',
    );
    expect(await partners.findOne({ _id: 'prt_frozen' })).toMatchObject({ name: 'renamed' });
  });

  it('fails a large write, whose bytes wait for the server to read them, if the server does not reply in time', async () => {
    const partners = rawCollection(impatient.partners.model);
    await partners.findOne({});
    mongo.freeze();
    try {
      const insert = partners.insertOne({ _id: 'prt_large', name: 'x'.repeat(LARGE_BYTES) });
      expect(await outcomeOf(insert)).toBe('transient');
    } finally {
      mongo.thaw();
    }
    await waitUntil('a write succeeds', async () => {
      const write = partners.updateOne({ _id: 'prt_large' }, { $set: { name: 'small' } }, { upsert: true });
      return (await outcomeOf(write)) === 'done';
    });
  });

  it('fails a ping within its time limit if the server is frozen', async () => {
    await store.ping(5_000);
    mongo.freeze();
    try {
      // On a busy machine, the server may still respond shortly after the signal.
      const fails = async (): Promise<boolean> => (await outcomeOf(store.ping(200))) === 'transient';
      await waitUntil('a ping fails', fails);
    } finally {
      mongo.thaw();
    }
  });
});
