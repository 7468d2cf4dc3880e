import { setImmediate as turn } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { connectRedis } from '../../../../shared/redis/connect';
import { createFsyncGuard } from '../../../../shared/redis/with-fsync';
import {
  accepted,
  drainedAtLast,
  expectBalanced,
  newExpectedState,
  someKeyedEvents,
  submit,
  sweepNow,
} from '../../../support/expected-state';
import { onServer } from '../../../support/failover';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import type { OwnStore } from '../../../support/own-stores';
import { failedStart } from '../../../support/processes';
import { waitUntil } from '../../../support/wait-until';

const CLIENTS = 4;
const ROUNDS = 3;
const TURNS = 50;

const { start, ownRedis, serve } = faultEnvironment();
let mir: Harness;
let redis: OwnStore;
beforeAll(async () => {
  redis = await ownRedis();
  mir = await serve({ workers: false, env: { REDIS_URL: redis.url, QUEUE_DURABILITY: 'fsync' } });
});

describe('waiting for fsync', () => {
  it('with QUEUE_DURABILITY=fsync a kill -9 of Redis right after a 202 loses nothing', async () => {
    const expectedState = newExpectedState(await mir.partner());
    for (let round = 1; round <= ROUNDS; round += 1) {
      const before = expectedState.receiptIds.length;
      const killed = new AbortController();
      const clients = Array.from({ length: CLIENTS }, async () => {
        while (!killed.signal.aborted) {
          const events = someKeyedEvents(20, 10);
          const status = await submit(mir.client, expectedState, events);
          if (status === 202) continue;
          expect(status).toBe(503);
          await accepted(mir.client, expectedState, events);
        }
      });
      await waitUntil('something is accepted', () => expectedState.receiptIds.length > before);
      await redis.kill();
      killed.abort();
      await redis.startAgain();
      await Promise.all(clients);
    }
    // Nobody worked so far: all that was promised has lain in the file through every kill.
    await start('worker', mir.env);
    await drainedAtLast(mir);
    await sweepNow(mir, expectedState);
    await expectBalanced(mir, expectedState);
  });

  it('with QUEUE_DURABILITY=fsync writes that come while an fsync is awaited share the next one', async () => {
    const { withFsync, queueLink } = mir.ctx;
    const waits = async (): Promise<number> =>
      Number(/cmdstat_waitaof:calls=(\d+)/.exec(await queueLink.client.info('commandstats'))?.[1] ?? 0);
    const before = await waits();
    // The first wait has no end yet while the others come, one a turn.
    redis.freeze();
    const written: Promise<unknown>[] = [];
    for (let n = 0; n < TURNS; n += 1) {
      written.push(withFsync(() => Promise.resolve()));
      await turn();
    }
    redis.thaw();
    await Promise.all(written);
    expect((await waits()) - before).toBe(2);
  });

  it('with QUEUE_DURABILITY=fsync a write is not confirmed by a server that restarted since', async () => {
    const { withFsync, queueLink } = mir.ctx;
    const restarted = withFsync(async () => {
      await queueLink.client.set('written', '1');
      await redis.kill();
      await redis.startAgain();
      await waitUntil('the server is back', () => queueLink.runId() !== null);
    });
    await expect(restarted).rejects.toMatchObject({ code: 'OVERLOADED' });
    await waitUntil('writes are confirmed again', () =>
      withFsync(() => queueLink.client.set('written', '2')).then(
        () => true,
        () => false,
      ),
    );
  });

  it('with QUEUE_DURABILITY=fsync a write is not confirmed by a server that was a replica since', async () => {
    const { withFsync, queueLink } = mir.ctx;
    const failedOver = withFsync(async () => {
      await queueLink.client.set('written', '3');
      await onServer(redis, (server) =>
        server.multi().call('REPLICAOF', '127.0.0.1', '1').call('REPLICAOF', 'NO', 'ONE').exec(),
      );
    });
    await expect(failedOver).rejects.toMatchObject({ code: 'OVERLOADED' });
    await waitUntil('writes are confirmed again', () =>
      withFsync(() => queueLink.client.set('written', '4')).then(
        () => true,
        () => false,
      ),
    );
  });

  it('a server that forbids CONFIG, as managed ones do, gives the asked durability all the same', async () => {
    const managed = await ownRedis(['--rename-command', 'CONFIG', '']);
    const link = connectRedis(managed.url, { kind: 'request', timeoutMs: 5_000 }, mir.ctx.log);
    try {
      await link.whenReady(5_000);
      const { keys, log } = mir.ctx;
      const fsyncGuard = await createFsyncGuard({ link, url: managed.url, mode: 'fsync', keys, log });
      expect(await fsyncGuard.withFsync(() => link.client.set('written', '3'))).toBe('OK');
      expect(await link.client.info('commandstats')).toMatch(/cmdstat_waitaof:calls=1,/);
      await fsyncGuard.close();
    } finally {
      await link.close();
    }
  });

  it('a server that cannot give the asked durability refuses the start with one readable message', async () => {
    const forgetful = await ownRedis(['--appendonly', 'no']);
    const env = { ...mir.env, REDIS_URL: forgetful.url };
    const { code, stderr } = await failedStart('api', env);
    expect(code).toBe(1);
    expect(stderr).toBe(
      'MIR api cannot start: QUEUE_DURABILITY=fsync requires `appendonly yes` on the server at REDIS_URL. Turn it on there.\n',
    );
  });

  it('a server that would throw accepted events away once it is full refuses the start with one readable message', async () => {
    const evicting = await ownRedis(['--maxmemory-policy', 'allkeys-lru']);
    const { code, stderr } = await failedStart('api', { ...mir.env, REDIS_URL: evicting.url });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^MIR api cannot start: The server at REDIS_URL has maxmemory-policy allkeys-lru, [^\n]*\n$/,
    );
  });

  it.each(['api', 'worker'] as const)(
    'the %s refuses to start on a store of another SUBJECT_PEPPER',
    async (program) => {
      const other = { ...mir.env, SUBJECT_PEPPER: 'another-pepper-0123456789abcdef0123456789' };
      const { code, stderr } = await failedStart(program, other);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        new RegExp(`^MIR ${program} cannot start: SUBJECT_PEPPER does not match this database[^\\n]*\\n$`),
      );
    },
  );
});
