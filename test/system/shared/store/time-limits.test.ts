import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectStore } from '../../../../shared/store/connect';
import { classifyStoreError } from '../../../../shared/store/errors';
import { createStore, type Store } from '../../../../shared/store/store';
import { type OwnStore, ownStores } from '../../../support/own-stores';
import { waitUntil } from '../../../support/wait-until';
import { rawCollection } from '../../../support/raw-collection';

let store: Store;
afterAll(() => store.close());
const { ownMongo } = ownStores();
let mongo: OwnStore;
beforeAll(async () => {
  mongo = await ownMongo();
  store = createStore(await connectStore(mongo.url));
});

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => classifyStoreError(error),
  );

describe('time limits of MongoDB operations', () => {
  it('a transaction that others keep from its rows is given up after its time, as in an outage, and changes nothing', async () => {
    const partners = rawCollection(store.partners.model);
    await partners.insertOne({ _id: 'prt_held', name: 'as it was' });
    const rename = (name: string, session: Parameters<Parameters<Store['transaction']>[0]>[0]) =>
      partners.updateOne({ _id: 'prt_held' }, { $set: { name } }, { session });
    const { session: holder } = await store.openSession();
    holder.startTransaction();
    await rename('held', holder);
    expect(await failureOf(store.transaction((session) => rename('late', session), 300))).toBe('transient');
    await holder.abortTransaction();
    await holder.endSession();
    expect(await partners.findOne({ _id: 'prt_held' })).toMatchObject({ name: 'as it was' });
    expect(await failureOf(store.transaction((session) => rename('free', session), 5_000))).toBe('done');
  });

  it('a store that keeps its connections and answers nothing fails its ping in time', async () => {
    await store.ping(5_000);
    mongo.freeze();
    try {
      // A signal may reach a busy processor a moment after it was sent.
      const fails = async (): Promise<boolean> => (await failureOf(store.ping(200))) === 'transient';
      await waitUntil('the frozen store answers no more', fails);
    } finally {
      mongo.thaw();
    }
  });
});
