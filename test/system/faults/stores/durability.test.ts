import { describe, expect, it } from '@jest/globals';
import {
  expectBalanced,
  findAccepted,
  newExpectedState,
  someEvents,
  submitUntilAccepted,
  sweepNow,
  waitUntilDrained,
} from '../../../support/expected-state';
import { follow, onServer, SYNC_AT_ONCE } from '../../../support/failover';
import { faultEnvironment } from '../../../support/fault-environment';
import { freshEnv } from '../../../support/harness';
import { keepSubmitting } from '../../../support/keep-submitting';
import type { OwnStore } from '../../../support/own-store';
import { failedStart } from '../../../support/processes';
import { tcpProxies } from '../../../support/tcp-proxy';

const ROUNDS = 3;
/** Options with which Valkey provides each durability. */
const MODES = [
  {
    mode: 'everysec',
    options: [],
    // A kill may lose accepted events: during an fsync, Redis replies before it writes to its append-only file.
    fault: 'is shut down under traffic',
    end: (redis: OwnStore) => redis.stop(),
  },
  {
    mode: 'fsync',
    options: ['--appendfsync', 'always'],
    fault: 'is killed with SIGKILL right after a 202 response',
    end: (redis: OwnStore) => redis.kill(),
  },
];

const { start, ownRedis, serve } = faultEnvironment();
const proxy = tcpProxies();

describe.each(MODES)('QUEUE_DURABILITY=$mode', ({ mode, options, fault, end }) => {
  it(`does not lose any accepted events when Redis ${fault}`, async () => {
    const redis = await ownRedis(options);
    const mir = await serve({ workers: false, env: { REDIS_URL: redis.url, QUEUE_DURABILITY: mode } });
    const expectedState = newExpectedState(await mir.partner());
    for (let round = 1; round <= ROUNDS; round += 1) {
      await keepSubmitting(mir, expectedState, () => end(redis).then(() => redis.restart()));
    }
    // No worker has run yet, so every accepted event survived all kills in the append-only file.
    await start('worker', mir.env);
    await waitUntilDrained(mir);
    await sweepNow(mir, expectedState);
    await expectBalanced(mir, expectedState);
  });

  it('loses accepted events that the replica had not received before a failover', async () => {
    const servers = [...SYNC_AT_ONCE, ...options];
    const [first, second] = await Promise.all([ownRedis(servers), ownRedis(servers)]);
    const replication = await proxy(first.url);
    await follow(second, replication);
    const name = await proxy(first.url);
    const mir = await serve({ workers: false, env: { REDIS_URL: name.url, QUEUE_DURABILITY: mode } });
    const expectedState = newExpectedState(await mir.partner());
    await submitUntilAccepted(mir.client, expectedState, someEvents(10, 1));
    await onServer(first, (redis) => redis.call('WAIT', '1', '0'));
    const replicated = [...expectedState.events.keys()];

    replication.dropTraffic();
    await submitUntilAccepted(mir.client, expectedState, someEvents(10, 1));
    await onServer(second, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
    name.moveTo(second.url);
    await first.kill();
    await mir.ctx.queueLink.whenReady(10_000);
    await mir.startWorkers();
    await waitUntilDrained(mir);
    const found = await findAccepted(mir, expectedState);
    expect(found.stored.toSorted()).toEqual(replicated.toSorted());
    expect(found.lost).toHaveLength(10);
  });
});

describe('startup check', () => {
  it.each(['fsync', 'replicated'])(
    'fails API startup with a one-line message if the queue Redis has no append-only file (%s)',
    async (mode) => {
      const { url } = await ownRedis(['--appendonly', 'no']);
      expect(await failedStart('api', freshEnv({ REDIS_URL: url, QUEUE_DURABILITY: mode }))).toMatchObject({
        code: 1,
        stderr: `MIR api cannot start: QUEUE_DURABILITY=${mode} requires \`appendonly yes\` on the server at REDIS_URL. Turn it on there.\n`,
      });
    },
  );

  it.each(['fsync', 'replicated'])(
    'fails API startup with a one-line message if WAITAOF on the queue Redis may return before the fsync (%s)',
    async (mode) => {
      const { url } = await ownRedis(['--appendfsync', 'everysec']);
      const { code, stderr } = await failedStart('api', freshEnv({ REDIS_URL: url, QUEUE_DURABILITY: mode }));
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^MIR api cannot start: QUEUE_DURABILITY=\w+ requires `appendfsync always` [^\n]* because WAITAOF on Valkey [\d.]+ may return before the fsync\. Set it there\.\n$/,
      );
    },
  );

  it('fails API startup with a one-line message if such a server does not show whether it syncs before every reply', async () => {
    const { url } = await ownRedis(['--appendfsync', 'always', '--rename-command', 'CONFIG', '']);
    const { code, stderr } = await failedStart('api', freshEnv({ REDIS_URL: url, QUEUE_DURABILITY: 'fsync' }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^[^\n]* Set it there, and allow MIR to run CONFIG GET\.\n$/);
  });

  it('fails API startup with a one-line message if the queue Redis has no WAITAOF', async () => {
    const { url } = await ownRedis(['--appendfsync', 'always', '--rename-command', 'WAITAOF', '']);
    const { code, stderr } = await failedStart('api', freshEnv({ REDIS_URL: url, QUEUE_DURABILITY: 'replicated' }));
    expect(code).toBe(1);
    expect(stderr).toBe(
      'MIR api cannot start: QUEUE_DURABILITY=replicated requires WAITAOF, which the server at REDIS_URL does not have. Upgrade it to Redis 7.2+ or Valkey 8+.\n',
    );
  });

  it('fails API startup with a one-line message if the queue Redis would evict keys', async () => {
    const evicting = await ownRedis(['--maxmemory-policy', 'allkeys-lru']);
    const { code, stderr } = await failedStart('api', freshEnv({ REDIS_URL: evicting.url }));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^MIR api cannot start: The server at REDIS_URL has maxmemory-policy allkeys-lru, [^\n]*\n$/,
    );
  });

  it.each(['api', 'worker'] as const)(
    'fails startup of the %s process with a one-line message if SUBJECT_PEPPER does not match the database',
    async (program) => {
      const { env } = await serve({ workers: false });
      const other = { ...env, SUBJECT_PEPPER: 'another-pepper-0123456789abcdef0123456789' };
      const { code, stderr } = await failedStart(program, other);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        new RegExp(`^MIR ${program} cannot start: SUBJECT_PEPPER does not match this database[^\\n]*\\n$`),
      );
    },
  );
});
