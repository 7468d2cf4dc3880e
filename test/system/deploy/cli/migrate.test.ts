import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Connection } from 'mongoose';
import { readConfig } from '../../../../shared/config/config';
import { deriveSecrets } from '../../../../shared/domain/subject';
import { connectStore } from '../../../../shared/store/connect';
import type { DataMigration } from '../../../../shared/store/migrations';
import { createStore, type Store } from '../../../../shared/store/store';
import { freshEnv } from '../../../support/harness';
import { failedStart, testProcesses } from '../../../support/processes';
import { cli } from '../../../support/cli';

const stores: Store[] = [];
const start = testProcesses();
afterAll(async () => {
  for (const store of stores) {
    await store.connection.dropDatabase().catch(() => undefined);
    await store.close();
  }
});

/** Opens the store of a database as another process would. */
async function openStore(env: Record<string, string>, migrations?: readonly DataMigration[]): Promise<Store> {
  const store = createStore(await connectStore(readConfig(env).mongoUrl), migrations);
  stores.push(store);
  return store;
}

const production = (): Record<string, string> => freshEnv({ NODE_ENV: 'production' });

describe('mir migrate', () => {
  describe('in production', () => {
    let env: Record<string, string>;
    beforeAll(() => {
      env = production();
    });
    const mir = (...args: string[]) => cli(env, 'migrate', ...args);

    it('API and worker build nothing and refuse to start until the operator migrates', async () => {
      for (const program of ['api', 'worker'] as const) {
        const { code, stderr } = await failedStart(program, env);
        expect(code).not.toBe(0);
        expect(stderr).toMatch(/needs \d+ migrations before this version can run:[^]*create collection events/);
        expect(stderr).toContain('Run `mir migrate apply`');
      }
      const { connection } = await openStore(env);
      const created = await connection.db!.listCollections({}, { nameOnly: true }).toArray();
      expect(created.map(({ name }) => name)).toEqual(['meta']);
    });

    it('plan changes nothing, and apply runs and records every step of it', async () => {
      const plan = (await mir('plan', '--json')).json();
      expect(plan.pending).toBeGreaterThan(20);
      expect((await mir('plan')).out).toContain('build index partners(keys.hash:1)');
      expect((await mir('plan', '--json')).json()).toEqual(plan);
      expect(await mir('status')).toMatchObject({ code: 1 });

      const first = await mir('apply', '--json');
      expect(first.code).toBe(0);
      expect(first.err).toContain(`${plan.pending} of ${plan.pending} steps done`);
      expect(first.json().applied).toHaveLength(plan.pending);
      expect(await mir('apply')).toMatchObject({ code: 0, out: 'No pending migrations.\n' });
      const status = await mir('status', '--json');
      expect(status.code).toBe(0);
      expect(status.json()).toMatchObject({ pending: 0, holder: null });
      expect(status.json().applied[0]).toMatchObject({ kind: 'INDEXES', finishedAt: expect.any(String) });
      expect((await mir('status')).out).toContain('No pending migrations.');
    });

    it('API and worker start after apply, and refuse again when an index is missing', async () => {
      const api = await start('api', env);
      const worker = await start('worker', env);
      expect((await api.client.get('/readyz')).status).toBe(200);
      await Promise.all([api.stop(), worker.stop()]);
      const { events } = await openStore(env);
      await events.model.collection.dropIndex('tenant_1_receivedAt_-1__id_-1');
      const { stderr } = await failedStart('api', env);
      expect(stderr).toContain(
        'needs 1 migration before this version can run:\n  - build index events(tenant:1 receivedAt:-1 _id:-1)',
      );
      expect((await mir('apply')).code).toBe(0);
      await (await start('api', env)).stop();
    });
  });

  it('plan warns that agents revoked under an earlier version look like unknown keys', async () => {
    const env = production();
    expect((await cli(env, 'migrate', 'plan')).out).toMatch(/build index agents\(revokedKeyRef:1\)$/m);
    await cli(env, 'migrate', 'apply');
    const { agents } = await openStore(env);
    await agents.model.collection.dropIndex('revokedKeyRef_1');
    const { pending, indexes } = (await cli(env, 'migrate', 'plan', '--json')).json();
    expect(pending).toBe(1);
    expect(indexes[0].step).toMatch(
      /^build index agents\(revokedKeyRef:1\): .*earlier versions revoked cannot be recovered.*API_KEY_INVALID/,
    );
    expect((await cli(env, 'migrate', 'apply')).out).toContain('cannot be recovered');
    expect((await cli(env, 'migrate', 'status')).code).toBe(0);
  });

  describe('migrations', () => {
    const rows = (connection: Connection) =>
      connection.collection<{ _id: number; doubled?: boolean; n: number }>('numbers');

    /** Doubles each number once, and throws after `diesAfter` of them. */
    const doubling = (diesAfter: number, log: string[] = []): DataMigration => ({
      id: '2026-01-01-doubled',
      about: 'numbers are doubled',
      run: async (connection, onProgress) => {
        log.push('runs');
        const left = await rows(connection)
          .find({ doubled: { $exists: false } })
          .toArray();
        for (const [n, { _id, n: number }] of left.entries()) {
          if (n === diesAfter) throw new Error('cut off');
          await rows(connection).updateOne(
            { _id, doubled: { $exists: false } },
            { $set: { n: number * 2, doubled: true } },
          );
          onProgress(n + 1, left.length);
        }
      },
    });

    it('run data migrations once and in order, resuming after a crash', async () => {
      const env = freshEnv();
      const log: string[] = [];
      const second: DataMigration = {
        id: '2026-02-01-after',
        about: 'x',
        run: () => Promise.resolve(void log.push('after')),
      };
      const dying = await openStore(env, [doubling(4, log), second]);
      await rows(dying.connection).insertMany(Array.from({ length: 10 }, (_, n) => ({ _id: n, n })));
      await expect(dying.migrations.apply(() => undefined)).rejects.toThrow('cut off');
      expect((await dying.migrations.plan()).data.map(({ id }) => id)).toEqual([doubling(0).id, second.id]);

      const reported: string[] = [];
      const { migrations, connection } = await openStore(env, [doubling(100, log), second]);
      expect(
        (await migrations.apply((step, done, total) => reported.push(`${step} ${done}/${total}`))).applied,
      ).toEqual([doubling(0).id, second.id]);
      expect(reported).toContain(`${doubling(0).id} 6/6`);
      expect((await rows(connection).find().sort({ _id: 1 }).toArray()).map(({ n }) => n)).toEqual(
        Array.from({ length: 10 }, (_, n) => n * 2),
      );
      expect((await migrations.apply(() => undefined)).applied).toEqual([]);
      expect(log).toEqual(['runs', 'runs', 'after']);
    });

    it('run in only one of several concurrent processes, and the others name it in their error', async () => {
      const env = freshEnv();
      const log: string[] = [];
      const racers = await Promise.all(Array.from({ length: 5 }, () => openStore(env, [doubling(100, log)])));
      await rows(racers[0]!.connection).insertMany([{ _id: 1, n: 1 }]);
      const ends = await Promise.allSettled(racers.map(({ migrations }) => migrations.apply(() => undefined)));
      const rejected = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
      expect(rejected.length).toBeGreaterThan(0);
      for (const reason of rejected) expect(reason).toMatch(/being applied by .*process \d+/);
      expect(log).toEqual(['runs']);
      expect((await rows(racers[0]!.connection).findOne())?.n).toBe(2);
    });

    it('take over the lock only after its holder has died', async () => {
      const env = freshEnv();
      const { migrations } = await openStore(env);
      const held = { kind: 'LOCK', about: 'x', by: 'a dead machine', startedAt: new Date() } as const;
      await migrations.model.create({ _id: 'lock', ...held, until: new Date(Date.now() + 30_000) });
      await expect(migrations.apply(() => undefined)).rejects.toThrow('a dead machine');
      expect(await migrations.holder()).toBe('a dead machine');
      await migrations.model.updateOne({ _id: 'lock' }, { $set: { until: new Date(Date.now() - 1) } });
      expect((await migrations.apply(() => undefined)).applied.length).toBeGreaterThan(0);
      expect(await migrations.holder()).toBeNull();
    });

    it('run automatically outside production, in one of many processes', async () => {
      const env = freshEnv();
      const log: string[] = [];
      const racers = await Promise.all(Array.from({ length: 3 }, () => openStore(env, [doubling(100, log)])));
      const { fingerprint } = deriveSecrets(env['SUBJECT_PEPPER']!);
      await Promise.all(racers.map((store) => store.prepare(fingerprint)));
      expect(log).toEqual(['runs']);
      expect((await racers[0]!.migrations.plan()).data).toEqual([]);
    });
  });
});
