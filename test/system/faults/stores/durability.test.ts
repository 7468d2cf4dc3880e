import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { connectRedis } from '../../../../shared/redis/connect';
import { createFsyncGuard } from '../../../../shared/redis/with-fsync';
import {
  submitUntilAccepted,
  waitUntilDrained,
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
import { succeeds, waitUntil } from '../../../support/wait-until';

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

describe('QUEUE_DURABILITY=fsync', () => {
  it('does not lose any accepted events when Redis is killed with SIGKILL right after a 202 response', async () => {
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
          await submitUntilAccepted(mir.client, expectedState, events);
        }
      });
      await waitUntil('an event is accepted', () => expectedState.receiptIds.length > before);
      await redis.kill();
      killed.abort();
      await redis.restart();
      await Promise.all(clients);
    }
    // No worker has run yet, so every accepted event survived all kills in the append-only file.
    await start('worker', mir.env);
    await waitUntilDrained(mir);
    await sweepNow(mir, expectedState);
    await expectBalanced(mir, expectedState);
  });

  it('shares the next fsync among all writes that arrive during the current one', async () => {
    const { withFsync, queueLink } = mir.ctx;
    const countWaits = async (): Promise<number> =>
      Number(/cmdstat_waitaof:calls=(\d+)/.exec(await queueLink.client.info('commandstats'))?.[1] ?? 0);
    const before = await countWaits();
    // Keeps the first wait pending while the other writes arrive, one per event-loop turn.
    redis.freeze();
    const written: Promise<unknown>[] = [];
    for (let n = 0; n < TURNS; n += 1) {
      written.push(withFsync(() => Promise.resolve()));
      await nextTurn();
    }
    redis.thaw();
    await Promise.all(written);
    expect((await countWaits()) - before).toBe(2);
  });

  it('does not confirm a write if the server has restarted since the write', async () => {
    const { withFsync, queueLink } = mir.ctx;
    const restarted = withFsync(async () => {
      await queueLink.client.set('written', '1');
      await redis.kill();
      await redis.restart();
      await waitUntil('the server is back', () => queueLink.runId() !== null);
    });
    await expect(restarted).rejects.toMatchObject({ code: 'OVERLOADED' });
    await waitUntil('writes are confirmed again', () =>
      succeeds(withFsync(() => queueLink.client.set('written', '2'))),
    );
  });

  it('does not confirm a write if the server has been a replica since the write', async () => {
    const { withFsync, queueLink } = mir.ctx;
    const failedOver = withFsync(async () => {
      await queueLink.client.set('written', '3');
      await onServer(redis, (server) =>
        server.multi().call('REPLICAOF', '127.0.0.1', '1').call('REPLICAOF', 'NO', 'ONE').exec(),
      );
    });
    await expect(failedOver).rejects.toMatchObject({ code: 'OVERLOADED' });
    await waitUntil('writes are confirmed again', () =>
      succeeds(withFsync(() => queueLink.client.set('written', '4'))),
    );
  });

  it('works on a server that disables CONFIG, as managed services do', async () => {
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

  it('fails API startup with a one-line message if the queue Redis has no append-only file', async () => {
    const withoutAof = await ownRedis(['--appendonly', 'no']);
    const env = { ...mir.env, REDIS_URL: withoutAof.url };
    const { code, stderr } = await failedStart('api', env);
    expect(code).toBe(1);
    expect(stderr).toBe(
      'MIR api cannot start: QUEUE_DURABILITY=fsync requires `appendonly yes` on the server at REDIS_URL. Turn it on there.\n',
    );
  });
});

describe('startup check', () => {
  it('fails API startup with a one-line message if the queue Redis would evict keys', async () => {
    const evicting = await ownRedis(['--maxmemory-policy', 'allkeys-lru']);
    const { code, stderr } = await failedStart('api', { ...mir.env, REDIS_URL: evicting.url });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^MIR api cannot start: The server at REDIS_URL has maxmemory-policy allkeys-lru, [^\n]*\n$/,
    );
  });

  it.each(['api', 'worker'] as const)(
    'fails startup of the %s process with a one-line message if SUBJECT_PEPPER does not match the database',
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
