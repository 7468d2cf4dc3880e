import { afterAll } from '@jest/globals';
import { type OpenedStore, openOwnMongo, openOwnRedis, type OwnStore } from './own-store';

/** Returns functions that start a store. The stores stop after the last test, even if tests fail. */
export function ownStores(): {
  ownRedis: (args?: readonly string[]) => Promise<OwnStore>;
  ownMongo: (env?: NodeJS.ProcessEnv) => Promise<OwnStore>;
} {
  const opened: OpenedStore[] = [];
  afterAll(async () => {
    await Promise.all(opened.map((store) => store.end()));
  });
  const own = async (opening: Promise<OpenedStore>): Promise<OwnStore> => {
    const store = await opening;
    opened.push(store);
    return store;
  };
  return {
    ownRedis: (args = []) => own(openOwnRedis({ args })),
    ownMongo: (env = process.env) => own(openOwnMongo({ env })),
  };
}
