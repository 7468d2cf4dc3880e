import type { Config } from '../../../shared/config/config';
import { messageOf, messageWithCauses } from '../../../shared/errors';
import { createLog } from '../../../shared/log';
import { inspectQueues } from '../../../shared/queue/queues';
import { connectRedis } from '../../../shared/redis/connect';
import { redisKeys } from '../../../shared/redis/keys';
import { connectStore } from '../../../shared/store/connect';
import { createStore, type Store } from '../../../shared/store/store';
import { compareClocks } from './check-clocks';
import { checkDisk, checkLeftovers } from './check-leftovers';
import { checkSettings, settingsProblems } from './check-settings';
import { type Clock, examineRedis, examineStore, RETRY } from './examine-servers';
import { createCheckRunner, type Finding, fail } from './finding';

const REDIS_TIMEOUT_MS = 5_000;

/** Shows operators the errors of servers and drivers as they are. */
const runner = createCheckRunner({ timeoutMs: null, textOf: messageWithCauses });

async function examineMongo(config: Config, clocks: Clock[]): Promise<Finding[]> {
  let store: Store;
  try {
    store = createStore(await connectStore(config.mongoUrl));
  } catch (error) {
    return [fail('mongo', messageOf(error), 'start MongoDB, or fix MONGO_URL')];
  }
  try {
    return await examineStore(store, config, clocks, runner);
  } finally {
    await store.close();
  }
}

async function examineBothRedis(config: Config, clocks: Clock[]): Promise<Finding[]> {
  const log = createLog('silent', 'api');
  const keys = redisKeys(config.keyspace, config.eventQueueShards);
  const role = { kind: 'request', timeoutMs: REDIS_TIMEOUT_MS } as const;
  const queueLink = connectRedis(config.redisUrl, role, log);
  const cacheLink = connectRedis(config.cacheRedisUrl, role, log);
  const queues = inspectQueues({ link: queueLink, keys, log });
  try {
    return await examineRedis({ config, keys, log, queueLink, cacheLink, queues }, clocks, runner);
  } finally {
    await queues.close();
    await Promise.all([queueLink.close(), cacheLink.close()]);
  }
}

interface Settings {
  config: Config;
  pepperGiven: boolean;
}

function usable(readSettings: () => Settings): Settings | { problems: Finding[] } {
  try {
    return readSettings();
  } catch (error) {
    return { problems: settingsProblems(error) };
  }
}

/**
 * Checks a deployment, from its settings to its disk, without changing anything. If `readSettings` throws, reports the
 * invalid settings and skips the stores.
 */
export async function examine(readSettings: () => Settings, dataDir: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const settings = usable(readSettings);
  if ('problems' in settings) findings.push(...settings.problems);
  else {
    const { config, pepperGiven } = settings;
    findings.push(...checkSettings(config, { pepper: pepperGiven }));
    const clocks: Clock[] = [];
    findings.push(
      ...(await runner.checked('mongo', RETRY, () => examineMongo(config, clocks))),
      ...(await runner.checked('redis', RETRY, () => examineBothRedis(config, clocks))),
    );
    if (clocks.length > 0) findings.push(compareClocks(clocks));
  }
  findings.push(...checkLeftovers(dataDir), ...(await checkDisk(dataDir)));
  return findings;
}
