/** Variable in which the run's stores are handed to the jest workers. */
export const TEST_STORES = 'MIR_TEST_STORES';

interface TestStores {
  mongoUrl: string;
  redisUrl: string;
  /** Which server serves MongoDB's protocol. */
  mongo: string;
}

/** The stores of this jest worker. */
export function testStores(): TestStores {
  const all = JSON.parse(process.env[TEST_STORES]!) as TestStores[];
  return all[(Number(process.env['JEST_WORKER_ID'] ?? 1) - 1) % all.length]!;
}

/** True on the stand-in from PyPI, which needs a second for what others do in a tenth. */
export function isSlowMongo(): boolean {
  return testStores().mongo.startsWith('secantusd-py');
}
