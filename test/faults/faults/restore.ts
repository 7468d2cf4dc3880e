import path from 'node:path';
import { createApiContext } from '../../../api/context';
import { readConfig } from '../../../shared/config/config';
import { openRuntime } from '../../../shared/runtime';
import { withDatabase } from '../../bench/environment';
import { runMir } from '../../support/mir-process';
import { openOwnRedis } from '../../support/own-store';
import { viewQueue } from '../../support/queue-view';
import { startProcess } from '../../support/start-process';
import { waitUntil } from '../../support/wait-until';
import type { ExpectedPartner } from '../oracle/oracle';
import { readStored } from '../oracle/read-stored';
import { redisArgs } from '../environment';
import type { Fault, Stage } from './fault';

const DATABASE = 'mir_restored';
const DRAINED_WITHIN_MS = 180_000;
/** Its events are erased all the time, so their number at a moment is unknown. */
const ERASED_PARTNER = 'people';

interface Bounds {
  name: string;
  expected: ExpectedPartner;
  /** Events that the backup must and may contain, by user. */
  atLeast: Map<string, number>;
  atMost: Map<string, number>;
}

/** Runs the CLI. Throws if it fails. */
async function mir(env: Record<string, string>, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await runMir(env, ...args);
  if (code !== 0) throw new Error(`mir ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
}

/** Takes a backup while events arrive, and returns what it must and may contain. */
async function takeBackup({ environment, traffic }: Stage, folder: string): Promise<Bounds[]> {
  const partners = traffic.oracle.partners.filter(({ name }) => name !== ERASED_PARTNER);
  const countsOf = ({ users }: ExpectedPartner, count: 'acknowledged' | 'submitted'): Map<string, number> =>
    new Map(
      [...users].map(([name, user]) => [name, count === 'submitted' ? user.submitted : user.acknowledged.length]),
    );
  const before = partners.map((partner) => countsOf(partner, 'acknowledged'));
  await mir(environment.env, 'backup', 'create', folder);
  return partners.map((expected, n) => ({
    name: expected.name,
    expected,
    atLeast: before[n]!,
    atMost: countsOf(expected, 'submitted'),
  }));
}

async function backUpAndRestore(stage: Stage): Promise<void> {
  const { environment, random, report, note } = stage;
  const folder = path.join(environment.folder, `backup-${random.int(0, 2 ** 31)}`);
  const bounds = await takeBackup(stage, folder);
  const redis = await openOwnRedis({ args: redisArgs(environment.durability) });
  const mongoUrl = withDatabase(environment.mongo.server.url, DATABASE);
  const env = { ...environment.env, REDIS_URL: redis.url, CACHE_REDIS_URL: redis.url, MONGO_URL: mongoUrl };
  const ends: (() => unknown)[] = [() => redis.end()];
  try {
    await mir(env, 'backup', 'restore', folder);
    const ctx = await createApiContext(await openRuntime(readConfig({ ...env, LOG_LEVEL: 'silent' }), 'api'));
    ends.push(
      () => ctx.close(),
      () => ctx.store.connection.dropDatabase(),
    );
    const worker = await startProcess('worker', env);
    ends.push(() => worker.kill9());
    const view = viewQueue({ ctx, env, atClose: (end) => void ends.push(end) });
    await waitUntil(
      'the restored queue is drained',
      async () => {
        const counts = await view.queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
        return Object.values(counts).every((count) => count === 0);
      },
      DRAINED_WITHIN_MS,
    );
    let events = 0;
    for (const { name, expected, atLeast, atMost } of bounds) {
      const stored = await readStored(ctx.store, expected.tenant);
      for (const [user, most] of atMost) {
        const found = stored.get(ctx.secrets.userRef(expected.tenant, user)) ?? { events: 0, row: 0 };
        const least = atLeast.get(user) ?? 0;
        events += found.events;
        if (found.events >= least && found.events <= most && found.row === found.events) continue;
        report(`restored ${name}, ${user}: ${found.events} events, counted ${found.row}, expected ${least} to ${most}`);
      }
    }
    note(`restored ${events} events`);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

export const RESTORE: Fault[] = [
  {
    number: 30,
    name: 'restore from a backup',
    does: 'a backup is taken under traffic and restored into a second database and Redis',
    invariant: 'it contains everything acknowledged before it began, and its counts match',
    seconds: [0],
    rare: true,
    run: backUpAndRestore,
  },
];
