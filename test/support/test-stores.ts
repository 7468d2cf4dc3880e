/** The environment variable that passes the test run's stores to the Jest workers. */
export const TEST_STORES = 'MIR_TEST_STORES';

interface TestStores {
  mongoUrl: string;
  redisUrl: string;
  /** The name and version of MongoDB or its stand-in. */
  mongo: string;
}

/** Returns the stores of this Jest worker. */
export function testStores(): TestStores {
  const all = JSON.parse(process.env[TEST_STORES]!) as TestStores[];
  return all[(Number(process.env['JEST_WORKER_ID'] ?? 1) - 1) % all.length]!;
}

/** Returns whether the tests use the stand-in for MongoDB from PyPI, which is about ten times slower. */
export function isSlowMongo(): boolean {
  return testStores().mongo.startsWith('secantusd-py');
}
