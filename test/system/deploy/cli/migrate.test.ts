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

    it('prevents the API and the worker from starting or changing data before the migrations run', async () => {
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

    it('changes nothing with `plan`, then runs and records every planned step with `apply`', async () => {
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

    it('lets the API and the worker start after `apply`, but not while an index is missing', async () => {
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

  it('warns in the plan that keys of agents revoked by earlier versions will be reported as unknown', async () => {
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

    /** Creates a migration that doubles each number once, but fails after it has doubled `failsAfter` numbers. */
    const doubling = (failsAfter: number, log: string[] = []): DataMigration => ({
      id: '2026-01-01-doubled',
      about: 'doubles the numbers',
      run: async (connection, onProgress) => {
        log.push('runs');
        const pending = await rows(connection)
          .find({ doubled: { $exists: false } })
          .toArray();
        for (const [n, { _id, n: number }] of pending.entries()) {
          if (n === failsAfter) throw new Error('interrupted');
          await rows(connection).updateOne(
            { _id, doubled: { $exists: false } },
            { $set: { n: number * 2, doubled: true } },
          );
          onProgress(n + 1, pending.length);
        }
      },
    });

    it('runs data migrations once and in order, and resumes after a failure', async () => {
      const env = freshEnv();
      const log: string[] = [];
      const second: DataMigration = {
        id: '2026-02-01-after',
        about: 'x',
        run: () => Promise.resolve(void log.push('after')),
      };
      const interrupted = await openStore(env, [doubling(4, log), second]);
      await rows(interrupted.connection).insertMany(Array.from({ length: 10 }, (_, n) => ({ _id: n, n })));
      await expect(interrupted.migrations.apply(() => undefined)).rejects.toThrow('interrupted');
      expect((await interrupted.migrations.plan()).data.map(({ id }) => id)).toEqual([doubling(0).id, second.id]);

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

    it('runs migrations in only one of several processes, and names that process in the errors of the others', async () => {
      const env = freshEnv();
      const log: string[] = [];
      const processes = await Promise.all(Array.from({ length: 5 }, () => openStore(env, [doubling(100, log)])));
      await rows(processes[0]!.connection).insertMany([{ _id: 1, n: 1 }]);
      const results = await Promise.allSettled(processes.map(({ migrations }) => migrations.apply(() => undefined)));
      const errors = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
      expect(errors.length).toBeGreaterThan(0);
      for (const error of errors) expect(error).toMatch(/being applied by .*process \d+/);
      expect(log).toEqual(['runs']);
      expect((await rows(processes[0]!.connection).findOne())?.n).toBe(2);
    });

    it("takes over another process's lock only after the lock has expired", async () => {
      const env = freshEnv();
      const { migrations } = await openStore(env);
      const lock = { kind: 'LOCK', about: 'x', by: 'a crashed host', startedAt: new Date() } as const;
      await migrations.model.create({ _id: 'lock', ...lock, until: new Date(Date.now() + 30_000) });
      await expect(migrations.apply(() => undefined)).rejects.toThrow('a crashed host');
      expect(await migrations.holder()).toBe('a crashed host');
      await migrations.model.updateOne({ _id: 'lock' }, { $set: { until: new Date(Date.now() - 1) } });
      expect((await migrations.apply(() => undefined)).applied.length).toBeGreaterThan(0);
      expect(await migrations.holder()).toBeNull();
    });

    it('runs migrations automatically outside production, in only one of several processes', async () => {
      const env = freshEnv();
      const log: string[] = [];
      const processes = await Promise.all(Array.from({ length: 3 }, () => openStore(env, [doubling(100, log)])));
      const { fingerprint } = deriveSecrets(env['SUBJECT_PEPPER']!);
      await Promise.all(processes.map((store) => store.prepare(fingerprint)));
      expect(log).toEqual(['runs']);
      expect((await processes[0]!.migrations.plan()).data).toEqual([]);
    });
  });
});
