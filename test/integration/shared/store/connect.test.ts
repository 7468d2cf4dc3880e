import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectStore } from '../../../../shared/store/connect';
import { createStore, type Store } from '../../../../shared/store/store';
import { freshEnv } from '../../../support/harness';
import { rawCollection } from '../../../support/raw-collection';
import { recordCommands } from '../../../support/record-commands';

/** Settings that would lose acknowledged writes in an election, or read rows that an election can undo. */
const WEAKER = {
  w: '1',
  journal: 'false',
  retryWrites: 'false',
  retryReads: 'false',
  readConcernLevel: 'local',
  readPreference: 'secondaryPreferred',
};

let store: Store;
beforeAll(async () => {
  const url = new URL(freshEnv()['MONGO_URL']!);
  for (const [name, value] of Object.entries({ ...WEAKER, monitorCommands: 'true' })) url.searchParams.set(name, value);
  store = createStore(await connectStore(url.href));
});
afterAll(async () => {
  await store.connection.dropDatabase();
  await store.close();
});

describe('connectStore', () => {
  const durable = { writeConcern: { w: 'majority', j: true } };

  it('writes with journaled, retryable majority writes, whatever MONGO_URL says', async () => {
    const sent = recordCommands([store.connection]);
    await rawCollection(store.partners.model).insertOne({ _id: 'one' });
    const insert = sent.find(({ name }) => name === 'insert');
    expect(insert!.command).toMatchObject({ ...durable, txnNumber: expect.anything() });
  });

  it('commits transactions with journaled majority writes, whatever MONGO_URL says', async () => {
    const sent = recordCommands([store.connection]);
    await store.transaction(async (session) => {
      await rawCollection(store.partners.model).insertOne({ _id: 'two' }, { session });
    }, 5_000);
    const commit = sent.find(({ name }) => name === 'commitTransaction');
    expect(commit!.command).toMatchObject(durable);
  });

  it('reads majority-committed rows from the primary and retries reads, whatever MONGO_URL says', async () => {
    const sent = recordCommands([store.connection]);
    await rawCollection(store.partners.model).findOne({ _id: 'one' });
    const find = sent.find(({ name }) => name === 'find');
    expect(find!.command).toMatchObject({ readConcern: { level: 'majority' } });
    const { readPreference, retryReads } = store.connection.getClient().options;
    expect({ mode: readPreference.mode, retryReads }).toEqual({ mode: 'primary', retryReads: true });
  });
});
