import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { identify } from '../../../../shared/process/process-identity';
import { queueKeys } from '../../../../shared/queue/bullmq-internals';
import { changeFileState, recordErasedContent } from '../../../../shared/redis/append-only-file';
import { connectRedis } from '../../../../shared/redis/connect';
import { QUEUE_NAMES } from '../../../../shared/queue/queues';
import { type Harness, startHarness } from '../../../support/harness';
import { follow, onServer, REPLICATED } from '../../../support/failover';
import { ownStores } from '../../../support/own-stores';
import { cli } from '../../../support/cli';
import { rawCollection } from '../../../support/raw-collection';

interface Check {
  check: string;
  verdict: string;
  found: string;
  remedy: string | null;
}

let h: Harness;
let dataDir: string;
beforeAll(async () => {
  h = await startHarness();
  dataDir = mkdtempSync(join(tmpdir(), 'mir-doctor-'));
});
afterAll(async () => {
  rmSync(dataDir, { recursive: true, force: true });
  await h.close();
});
const { ownRedis } = ownStores();

async function doctor(env: Record<string, string> = {}): Promise<{ code: number; ok: boolean; checks: Check[] }> {
  const result = await cli({ ...h.env, DATA_DIR: dataDir, ...env }, 'doctor', '--json');
  expect(result.err).toBe('');
  return { code: result.code, ...result.json() };
}

const notOk = (checks: Check[]): Check[] => checks.filter(({ verdict }) => verdict !== 'OK');
const writeJson = (name: string, facts: unknown): void => writeFileSync(join(dataDir, name), JSON.stringify(facts));
/** Identifies a process that does not exist. */
const EXITED = { pid: 2 ** 22 - 1, born: 'before' };

describe('mir doctor', () => {
  it('reports every check as OK on a healthy system', async () => {
    const { code, ok, checks } = await doctor();
    expect(notOk(checks)).toEqual([]);
    expect([code, ok]).toEqual([0, true]);
    const queues = QUEUE_NAMES.map((queue) => `queue_${queue}`).join(' ');
    const expected =
      'node settings mongo replica_set transactions pepper indexes cascades audit redis queue_policy queue_memory ' +
      `queue_file cache ${queues} dead_letters clocks embedded_stack disk`;
    expect([...new Set(checks.map(({ check }) => check.replace(' ', '_')))].join(' ')).toBe(expected);
    const { out } = await cli({ ...h.env, DATA_DIR: dataDir }, 'doctor');
    expect(out).toMatch(/● OK\s+transactions/);
    expect(out).toMatch(/0 WARN, 0 FAIL\n$/);
  });

  it('reports all invalid settings at once and still checks the data folder', async () => {
    const { code, checks } = await doctor({ PORT: 'x', SUBJECT_PEPPER: 'short' });
    expect(code).toBe(1);
    expect(notOk(checks).map(({ found }) => found.split(':')[0])).toEqual(['PORT', 'SUBJECT_PEPPER']);
    expect(checks.at(-1)!.check).toBe('disk');
  });

  it('reports settings that prevent startup or are unsafe in a public deployment', async () => {
    const settings = async (env: Record<string, string>) =>
      notOk((await doctor(env)).checks).filter(({ check }) => check === 'settings');
    writeJson('catalog.json', { 'not.a.type': 'x' });
    const catalog = await settings({ CATALOG_FILE: join(dataDir, 'catalog.json') });
    expect(catalog).toMatchObject([{ verdict: 'FAIL', found: expect.stringContaining('is not a valid catalog') }]);
    const production = { NODE_ENV: 'production', WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' };
    const findings = async (env: Record<string, string>) => (await settings(env)).map(({ found }) => found);
    const withTls = await findings({ ...production, PUBLIC_URL: 'https://mir.example' });
    expect(withTls.join('\n')).toMatch(/TRUST_PROXY_HOPS is 0[^]*WEBHOOKS_TO_PRIVATE_ADDRESSES is on/);
    const withoutTls = (await findings({ ...production, PUBLIC_URL: 'http://mir.example' })).join('\n');
    expect(withoutTls).toMatch(/do not use TLS/);
    expect(withoutTls).not.toMatch(/TRUST_PROXY_HOPS/);
    const webhooks = { WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' };
    expect(await findings({ ...webhooks, PUBLIC_URL: 'https://mir.example' })).toContainEqual(
      expect.stringContaining('WEBHOOKS_TO_PRIVATE_ADDRESSES is on'),
    );
    expect(await settings({ ...webhooks, PUBLIC_URL: 'http://localhost:3000' })).toEqual([]);
  });

  it('reports a queue Redis with eviction, no append-only file or the wrong maxmemory', async () => {
    const evicting = await ownRedis(['--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no', '--maxmemory', '64mb']);
    const { code, checks } = await doctor({ REDIS_URL: evicting.url });
    expect(code).toBe(1);
    expect(notOk(checks)).toMatchObject([
      { check: 'queue policy', verdict: 'FAIL', found: expect.stringContaining('allkeys-lru') },
      { check: 'queue policy', verdict: 'FAIL', remedy: expect.stringContaining('CONFIG SET appendonly yes') },
      { check: 'queue memory', verdict: 'WARN', found: expect.stringContaining('MAX_QUEUED_BYTES') },
      { check: 'queue events', verdict: 'WARN', found: 'no worker is connected' },
      ...QUEUE_NAMES.slice(1).map((queue) => ({ check: `queue ${queue}`, verdict: 'WARN' })),
    ]);
    const unbounded = await ownRedis(['--maxmemory', '0', '--appendfsync', 'always']);
    const second = await doctor({ REDIS_URL: unbounded.url, QUEUE_DURABILITY: 'fsync' });
    expect(notOk(second.checks)[0]).toMatchObject({ check: 'queue memory', verdict: 'WARN' });
    expect(second.code).toBe(0);
  });

  it('reports a queue Redis that cannot provide QUEUE_DURABILITY', async () => {
    const { url } = await ownRedis(['--appendfsync', 'everysec']);
    const { code, checks } = await doctor({ REDIS_URL: url, QUEUE_DURABILITY: 'fsync' });
    expect(code).toBe(1);
    const found = expect.stringContaining('requires `appendfsync always`');
    expect(notOk(checks)).toContainEqual(expect.objectContaining({ check: 'queue policy', verdict: 'FAIL', found }));
  });

  it('reports replicas that do not confirm writes, and a primary that would accept writes without replicas', async () => {
    const [primary, replica] = await Promise.all([ownRedis(REPLICATED), ownRedis(REPLICATED)]);
    const replicas = async () => {
      const { checks } = await doctor({ REDIS_URL: primary.url, QUEUE_DURABILITY: 'replicated' });
      return checks.filter(({ check }) => check === 'queue replicas');
    };
    const confirmed = { verdict: 'OK', found: 'a replica has confirmed a write' };
    expect(await replicas()).toMatchObject([
      { verdict: 'FAIL', found: expect.stringContaining('no replica is connected') },
    ]);
    await follow(replica, primary);
    expect(await replicas()).toMatchObject([
      { verdict: 'WARN', remedy: expect.stringContaining('CONFIG SET min-replicas-to-write 1') },
      confirmed,
    ]);
    await onServer(primary, (redis) => redis.config('SET', 'min-replicas-to-write', '1'));
    expect(await replicas()).toMatchObject([
      { verdict: 'OK', found: expect.stringMatching(/^replicas .* 1,/) },
      confirmed,
    ]);
    await onServer(replica, (redis) => redis.config('SET', 'appendonly', 'no'));
    expect((await replicas())[1]).toMatchObject({ verdict: 'FAIL', remedy: expect.stringContaining('appendonly yes') });
    await replica.kill();
    expect((await replicas())[0]).toMatchObject({
      verdict: 'FAIL',
      found: expect.stringContaining('rejects every write'),
    });
  });

  it('reports erased content that the append-only file has contained for more than a day, and rejected rewrites', async () => {
    const redis = await ownRedis();
    const env = { REDIS_URL: redis.url, CACHE_REDIS_URL: h.env['REDIS_URL']! };
    const link = connectRedis(redis.url, { kind: 'worker' }, h.ctx.log);
    await link.whenReady(10_000);
    const { keys } = h.ctx;
    const erasures = async () => {
      const { checks } = await doctor(env);
      return checks.filter(({ check }) => check === 'queue file').map(({ verdict, found }) => [verdict, found]);
    };
    const DAY_MS = 24 * 3_600_000;
    expect(await erasures()).toEqual([['OK', 'no erased content in the append-only file']]);
    await recordErasedContent(link, keys, Date.now() - DAY_MS + 60_000);
    expect(await erasures()).toEqual([['OK', 'the append-only file will be rewritten within a day']]);
    await changeFileState(link, keys, 'queue', { erasedSince: null, rewriting: Date.now() - DAY_MS - 60_000 });
    expect(await erasures()).toEqual([['WARN', 'the append-only file has contained erased content for 24 h']]);
    await changeFileState(link, keys, 'queue', { rejectedAt: Date.now() });
    expect(await erasures()).toEqual([['WARN', expect.stringContaining('rejects BGREWRITEAOF')]]);
    await link.close();
  });

  it('reports each unreachable server and still checks the others', async () => {
    const unreachable = { MONGO_URL: 'mongodb://127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' };
    const { code, checks } = await doctor({ ...unreachable, CACHE_REDIS_URL: `${h.env['REDIS_URL']}/0` });
    expect(code).toBe(1);
    expect(notOk(checks).map(({ check, verdict }) => [check, verdict])).toEqual([
      ['mongo', 'FAIL'],
      ['redis', 'FAIL'],
      ['cache', 'WARN'],
    ]);
    expect(checks).toContainEqual(expect.objectContaining({ check: 'cache', verdict: 'OK' }));
  });

  it('runs every check when MONGO_URL lists several replica set members', async () => {
    const { port, pathname } = new URL(h.env['MONGO_URL']!);
    const { code, checks } = await doctor({
      MONGO_URL: `mongodb://127.0.0.1:${port},localhost:${port}${pathname}?appName=mir`,
    });
    expect(notOk(checks)).toEqual([]);
    expect([code, checks.some(({ check }) => check === 'redis')]).toEqual([0, true]);
    const nameless = await doctor({ MONGO_URL: `mongodb://127.0.0.1:${port},localhost:${port}/?appName=mir` });
    expect(nameless.checks).toContainEqual(
      expect.objectContaining({
        check: 'mongo',
        verdict: 'WARN',
        found: expect.stringContaining('does not name a database'),
      }),
    );
  });

  it('reports a pepper that does not match the database', async () => {
    const { code, checks } = await doctor({ SUBJECT_PEPPER: 'y'.repeat(40) });
    expect(code).toBe(1);
    expect(notOk(checks)).toMatchObject([{ check: 'pepper', verdict: 'FAIL' }]);
    expect((await doctor()).code).toBe(0);
  });

  it('reports missing, changed and unknown indexes', async () => {
    const { events, partners, users } = h.ctx.store;
    await events.model.collection.dropIndex('tenant_1_userRef_1_receivedAt_-1__id_-1');
    await partners.model.collection.dropIndex('keys.hash_1');
    await partners.model.collection.createIndex({ 'keys.hash': 1 });
    await users.model.collection.createIndex({ extra: 1 });
    const { code, checks } = await doctor();
    expect(code).toBe(1);
    const [pending, extra, ...more] = notOk(checks);
    expect(pending).toMatchObject({
      check: 'indexes',
      verdict: 'FAIL',
      remedy: expect.stringContaining('migrate apply'),
    });
    expect(pending!.found).toContain('build index events(tenant:1 userRef:1 receivedAt:-1 _id:-1)');
    expect(pending!.found).toContain('drop and rebuild index partners(keys.hash:1)');
    expect(extra).toMatchObject({
      check: 'indexes',
      verdict: 'WARN',
      found: expect.stringContaining('users(extra:1)'),
    });
    expect(more).toEqual([]);
    expect((await cli(h.env, 'migrate', 'apply')).code).toBe(0);
    await users.model.collection.dropIndex('extra_1');
    expect(notOk((await doctor()).checks)).toEqual([]);
  });

  it('reports dead letters, overdue jobs and unfinished kills', async () => {
    await h.stopWorkers();
    const queue = h.ctx.queues.events;
    const longAgo = Date.now() - 120_000;
    await queue.add('events', {}, { jobId: 'waits-long', timestamp: longAgo });
    await h.ctx.queueLink.client.zadd(queueKeys(h.ctx.keys, queue.name).failed, Date.now(), 'given-up');
    const cascade = { tenant: 'prt_x:live', agentId: 'a', actor: { kind: 'SYSTEM' }, requestId: 'r', revoked: 0 };
    const open = { status: 'PARTIAL', parkedCount: 1, parked: [], partialTries: 1, nextLookAt: new Date() };
    const createdAt = new Date(Date.now() - 3_600_000);
    await rawCollection(h.ctx.store.cascades.model).insertOne({
      _id: 'csc_doctor',
      ...cascade,
      ...open,
      createdAt,
      closedAt: null,
    });
    const { code, checks } = await doctor();
    expect(code).toBe(0);
    const texts = notOk(checks).map(({ check, found }) => `${check}: ${found}`);
    for (const pattern of [
      /^cascades: kills in force with keys that workers could not delete: 1/,
      /^cascades: open kills: 1, the oldest for 3\d\d\d s/,
      /^queue events: no worker is connected/,
      /^queue events: waiting jobs: 1, the oldest for 12\d s/,
      /^dead letters: jobs that failed permanently: 1/,
    ]) {
      expect(texts).toContainEqual(expect.stringMatching(pattern));
    }
    await h.ctx.store.cascades.model.deleteOne({ _id: 'csc_doctor' });
    await queue.obliterate({ force: true });
    await h.startWorkers();
  });

  it('reports leftovers of a crashed embedded stack, and ignores a running stack', async () => {
    const orphan = spawn('sleep', ['600'], { stdio: 'ignore' });
    const exited = new Promise((resolve) => orphan.once('exit', resolve));
    try {
      writeJson('lock', { ...EXITED, token: 't' });
      writeJson('stack.json', { pid: EXITED.pid, url: 'http://localhost:1' });
      writeJson('redis.process.json', identify(orphan.pid!));
      writeJson('mongo.process.json', EXITED);
      writeJson('secrets.json.1.tmp', {});
      const { code, checks } = await doctor();
      expect(code).toBe(1);
      expect(notOk(checks)).toMatchObject([
        { verdict: 'WARN', found: expect.stringContaining(`process ${EXITED.pid}, which is no longer running`) },
        { verdict: 'FAIL', remedy: expect.stringContaining(`kill ${orphan.pid}`) },
        {
          verdict: 'WARN',
          found: expect.stringContaining('stack.json is left over from a stack that is no longer running'),
        },
        { verdict: 'WARN', found: expect.stringContaining('secrets.json.1.tmp') },
      ]);
      writeJson('lock', { ...identify(process.pid), token: 't' });
      expect(notOk((await doctor()).checks)).toEqual([]);
    } finally {
      orphan.kill();
      await exited;
    }
  });

  it('explains how to start MIR if it finds no deployment', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'mir-doctor-empty-'));
    const result = await cli({ DATA_DIR: empty }, 'doctor', '--json');
    rmSync(empty, { recursive: true });
    expect(result.code).toBe(1);
    expect(result.json().checks[0]).toMatchObject({
      check: 'settings',
      verdict: 'FAIL',
      found: expect.stringContaining('npm start'),
    });
  });
});
