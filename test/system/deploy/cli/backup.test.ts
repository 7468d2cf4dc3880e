import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createBackup, restoreBackup, verifyBackup } from '../../../../deploy/cli/backup/run-backup';
import { readConfig } from '../../../../shared/config/config';
import { connectStore } from '../../../../shared/store/connect';
import {
  submitUntilAccepted,
  type ExpectedState,
  waitUntilDrained,
  newExpectedState,
  someKeyedEvents,
} from '../../../support/expected-state';
import { freshEnv, type Harness, startHarness } from '../../../support/harness';
import { runMir } from '../../../support/mir-process';
import { viewQueue } from '../../../support/queue-view';
import { testProcesses } from '../../../support/processes';
import { waitUntil } from '../../../support/wait-until';
import { register } from '../../../support/agents';

const EVENTS = 400;
const USERS = 25;

const start = testProcesses();
const ignore = (): void => undefined;

let mir: Harness;
let expectedState: ExpectedState;
let dir: string;
let waitingState: ExpectedState;
let whole: string;
let waiting: string;
let acceptedBefore: string[];

/** Backs up a system under load: events are submitted and stored during the backup. */
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mir-backup-'));
  mir = await startHarness();
  expectedState = newExpectedState(await mir.partner());
  await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(EVENTS, USERS));
  const { liveKey } = expectedState.partner;
  const { id } = await register(mir.client, liveKey);
  expect((await mir.client.post(`/v1/agents/${id}/revoke-descendants`, liveKey, {})).status).toBe(202);
  await waitUntil('the audit is sealed', async () => (await mir.ctx.store.audit.countUnsealed()) === 0);
  await viewQueue(mir).queue.add('events', { v: 99, chunkId: 'broken' }, { jobId: 'broken' });

  const traffic = { running: true };
  const submitting = (async () => {
    while (traffic.running) await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(2, USERS));
  })();
  acceptedBefore = [...expectedState.events.keys()];
  whole = join(dir, 'whole');
  await createBackup(readConfig(mir.env), whole, ignore);
  traffic.running = false;
  await submitting;

  await waitUntilDrained(mir);
  await viewQueue(mir).queue.pause();
  waitingState = newExpectedState(expectedState.partner);
  await submitUntilAccepted(mir.client, waitingState, someKeyedEvents(30, 3, 'waiting'));
  waiting = join(dir, 'waiting');
  await createBackup(readConfig(mir.env), waiting, ignore);
  await viewQueue(mir).queue.resume();
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await mir.close();
});

async function dropDatabase(env: Record<string, string>): Promise<void> {
  const connection = await connectStore(env['MONGO_URL']!);
  await connection.dropDatabase();
  await connection.close();
}

describe('backup and restore', () => {
  describe('a backup created while MIR is running', () => {
    it('restores a working system that contains every event accepted before the backup exactly once', async () => {
      const env = freshEnv();
      const restored = await restoreBackup(readConfig(env), whole, ignore);
      expect(restored.problems).toEqual([]);
      expect(restored).toMatchObject({ chains: expect.any(Number), unreadable: 1 });
      expect(restored.auditEntries).toBeGreaterThan(1);
      expect(restored.users).toBeGreaterThanOrEqual(USERS);

      const api = await start('api', { ...env, NODE_ENV: 'production' });
      const worker = await start('worker', { ...env, NODE_ENV: 'production' });
      const { liveKey } = expectedState.partner;
      const connection = await connectStore(env['MONGO_URL']!);
      const stored = async () =>
        new Set((await connection.collection<{ _id: string }>('events').find().toArray()).map(({ _id }) => _id));
      await waitUntil('the queued events are stored', async () => {
        const ids = await stored();
        return acceptedBefore.every((id) => ids.has(id));
      });
      await api.client.post('/v1/events', liveKey, { userExternalId: 'after', eventType: 'mir.transaction.completed' });
      await waitUntil('signals include the new event', async () => {
        const { body } = await api.client.post('/v1/resolve', liveKey, { userExternalId: 'after' });
        return body.eventCount === 1;
      });
      await Promise.all([api.stop(), worker.stop()]);
      const after = await verifyBackup(readConfig(env), null);
      expect(after.problems).toEqual([]);
      await connection.dropDatabase();
      await connection.close();
    });

    it('restores queued events, and excludes them from the watermark until they are stored', async () => {
      const env = freshEnv();
      expect((await restoreBackup(readConfig(env), waiting, ignore)).queued).toBeGreaterThan(0);
      const api = await start('api', env);
      const { liveKey } = expectedState.partner;
      const resolve = async () =>
        (await api.client.post('/v1/resolve', liveKey, { userExternalId: 'waiting-0' })).body as {
          eventCount: number;
          includesEventsThrough: string;
        };
      const [receiptId] = waitingState.receiptIds;
      const { body: receipt } = await api.client.get(`/v1/events/receipts/${receiptId}`, liveKey);
      expect(receipt.status).toBe('QUEUED');
      const before = await resolve();
      expect(before.eventCount).toBe(0);
      expect(before.includesEventsThrough <= (receipt.receivedAt as string)).toBe(true);
      const worker = await start('worker', env);
      await waitUntil('the restored events are stored', async () => (await resolve()).eventCount === 10);
      await Promise.all([api.stop(), worker.stop()]);
      expect((await verifyBackup(readConfig(env), null)).problems).toEqual([]);
      await dropDatabase(env);
    });

    it('restores byte-identical documents, so that a second backup has the same content', async () => {
      const env = freshEnv();
      const config = readConfig(env);
      await restoreBackup(config, whole, ignore);
      expect(await verifyBackup(config, whole)).toMatchObject({ problems: [] });
      const second = join(dir, 'second');
      await createBackup(config, second, ignore);
      const partsOf = (folder: string) =>
        (
          JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { collections: { name: string }[] }
        ).collections.filter(({ name }) => name !== 'migrations');
      expect(partsOf(second)).toEqual(partsOf(whole));
      await dropDatabase(env);
    });

    it('creates a backup that only its owner can read and that does not contain the pepper', () => {
      expect(statSync(whole).mode & 0o777).toBe(0o700);
      for (const file of readdirSync(whole))
        expect([file, statSync(join(whole, file)).mode & 0o777]).toEqual([file, 0o600]);
      expect(readFileSync(join(whole, 'manifest.json'), 'utf8')).not.toContain(mir.env['SUBJECT_PEPPER']!);
    });
  });

  describe('a rejected restore or backup', () => {
    const expectRejection = async (env: Record<string, string>, folder: string, reason: RegExp): Promise<void> => {
      await expect(restoreBackup(readConfig(env), folder, ignore)).rejects.toThrow(reason);
    };

    it('does not restore a backup into databases that are not empty', async () => {
      await expectRejection(mir.env, whole, /database is not empty/);
      const env = freshEnv({ KEYSPACE: mir.env['KEYSPACE']! });
      await expectRejection(env, whole, /already contains keys in this KEYSPACE/);
    });

    it('restores nothing if the pepper differs, or if the backup is incomplete or damaged', async () => {
      await expectRejection(freshEnv({ SUBJECT_PEPPER: 'z'.repeat(40) }), whole, /different SUBJECT_PEPPER/);
      await expectRejection(freshEnv(), dir, /does not contain a complete backup/);
      const damaged = join(dir, 'damaged');
      cpSync(whole, damaged, { recursive: true });
      const file = join(damaged, 'users.bson.gz');
      const bytes = readFileSync(file);
      bytes[Math.floor(bytes.length / 2)]! ^= 1;
      writeFileSync(file, bytes);
      const env = freshEnv();
      await expectRejection(env, damaged, /users\.bson\.gz/);
      rmSync(file);
      await expectRejection(env, damaged, /users\.bson\.gz/);
      const connection = await connectStore(env['MONGO_URL']!);
      expect(await connection.db!.listCollections().toArray()).toEqual([]);
      await connection.close();
    });

    it('does not overwrite a backup that already exists', async () => {
      await expect(createBackup(readConfig(mir.env), whole, ignore)).rejects.toThrow('is not empty');
    });

    it('leaves an empty folder when a backup fails halfway', async () => {
      const folder = join(dir, 'halfway');
      let written: string[] = [];
      const fail = (): never => {
        written = readdirSync(folder);
        throw new Error('the disk is full');
      };
      await expect(createBackup(readConfig(mir.env), folder, fail)).rejects.toThrow('the disk is full');
      expect(written).not.toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it('records when the newest backup began, also one by another tool', async () => {
    const { backupTimes } = mir.ctx.store;
    const { createdAt } = JSON.parse(readFileSync(join(waiting, 'manifest.json'), 'utf8')) as { createdAt: string };
    const latest = async (): Promise<string | undefined> => (await backupTimes.latest())?.toISOString();
    expect(await latest()).toBe(createdAt);
    const older = await runMir(mir.env, 'backup', 'record', '--began', '2026-01-01T00:00:00Z');
    expect([older.code, await latest()]).toEqual([0, createdAt]);
    expect((await runMir(mir.env, 'backup', 'record', '--began', '2999-01-01T00:00:00Z')).code).toBe(2);
    expect(await latest()).toBe(createdAt);
    expect((await runMir(mir.env, 'backup', 'record')).code).toBe(0);
    expect(Date.parse((await latest())!)).toBeGreaterThan(Date.parse(createdAt));
  });

  it('detects a wrong event count, a missing user row and a changed audit entry with `mir backup verify`', async () => {
    await waitUntilDrained(mir);
    await waitUntil('the audit is sealed', async () => (await mir.ctx.store.audit.countUnsealed()) === 0);
    const config = readConfig(mir.env);
    expect((await verifyBackup(config, null)).problems).toEqual([]);
    const { users, audit } = mir.ctx.store;
    const [changed, deleted] = await users.model
      .find({ eventCount: { $gt: 0 } })
      .limit(2)
      .lean();
    await users.model.updateOne({ _id: changed!._id }, { $inc: { eventCount: 1 } });
    await users.model.deleteOne({ _id: deleted!._id });
    await audit.model.updateOne({ action: 'agent.subtree.killed' }, { $set: { reason: 'changed' } });
    const { stdout, code } = await runMir(mir.env, 'backup', 'verify');
    expect(code).toBe(1);
    expect(stdout).toMatch(/PROBLEM: audit chain .*: ENTRY_CHANGED/);
    expect(stdout).toContain('users whose counts do not match their events: 2');
    expect(stdout).toContain('users have a nonzero event count, but');
  });
});
