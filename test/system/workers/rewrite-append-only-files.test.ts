import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Log } from '../../../shared/log';
import { createLog } from '../../../shared/log';
import { recordErasedContent, readFileState } from '../../../shared/redis/append-only-file';
import { connectRedis } from '../../../shared/redis/connect';
import type { RedisLink } from '../../../shared/redis/link';
import { redisKeys } from '../../../shared/redis/keys';
import {
  MIN_REWRITE_INTERVAL_MS,
  REJECTED_RETRY_MS,
  rewriteAppendOnlyFiles,
} from '../../../workers/maintenance/rewrite-append-only-files';
import type { OwnStore } from '../../support/own-store';
import { ownStores } from '../../support/own-stores';
import { filesContaining } from '../../support/raw-files';
import { waitUntil } from '../../support/wait-until';

const { ownRedis } = ownStores();
const silent = createLog('silent', 'worker');

let redis: OwnStore;
let link: RedisLink;
let warnings: string[];
let log: Log;
let keyspaces = 0;
let keys: ReturnType<typeof redisKeys>;
let nowMs: number;

const connect = async (): Promise<RedisLink> => {
  const connected = connectRedis(redis.url, { kind: 'request', timeoutMs: 5_000 }, silent);
  await connected.whenReady(10_000);
  return connected;
};
beforeAll(async () => {
  redis = await ownRedis(['--rdbcompression', 'no']);
  link = await connect();
});
afterAll(() => link.close());
beforeEach(() => {
  keys = redisKeys(`k${(keyspaces += 1)}`);
  nowMs = Date.now();
  warnings = [];
  log = Object.assign(Object.create(silent) as Log, {
    warn: (_facts: object, text: string) => void warnings.push(text),
  });
});

const check = () => rewriteAppendOnlyFiles({ queueLink: link, keys, log }, [{ role: 'queue', link }], nowMs);
const state = () => readFileState(link, keys, 'queue');
const persistence = async (field: string): Promise<string | undefined> =>
  new RegExp(`^${field}:(\\w+)`, 'm').exec(await link.client.info('persistence'))?.[1];
const rewrites = async (): Promise<number> => Number(await persistence('aof_rewrites'));
const untilIdle = (): Promise<void> =>
  waitUntil('no rewrite is in progress', async () => (await persistence('aof_rewrite_in_progress')) === '0');

/** Writes a value and deletes it again. */
async function erase(value: string): Promise<void> {
  await link.client.set(`value:${value}`, value);
  await link.client.del(`value:${value}`);
  await recordErasedContent(link, keys, nowMs);
}
const untilWritten = (value: string): Promise<void> =>
  waitUntil('the file contains the value', () => filesContaining(redis.dataDir, value).length > 0);
const untilGone = (value: string): Promise<void> =>
  waitUntil('no file contains the value', () => filesContaining(redis.dataDir, value).length === 0);

describe('rewriting append-only files', () => {
  it('removes erased content from the file, at most once an hour', async () => {
    await check();
    expect(await rewrites()).toBe(0);
    await erase('first-erased-value');
    await untilWritten('first-erased-value');
    await check();
    await untilIdle();
    await check();
    expect(await state()).toMatchObject({ erasedSince: null, rewriting: null, rewrittenAt: nowMs });
    await untilGone('first-erased-value');

    await erase('second-erased-value');
    nowMs += MIN_REWRITE_INTERVAL_MS - 1;
    await check();
    expect(await rewrites()).toBe(1);
    nowMs += 1;
    await check();
    await untilIdle();
    await check();
    await untilGone('second-erased-value');
    expect(await rewrites()).toBe(2);
    expect(warnings).toEqual([]);
  });

  it('starts no rewrite while a save or another rewrite is in progress', async () => {
    await erase('third-erased-value');
    await link.client.mset({ 'key:1': '1', 'key:2': '2' });
    await link.client.config('SET', 'rdb-key-save-delay', '1000000');
    await link.client.bgsave();
    const before = await rewrites();
    await check();
    expect(await state()).toMatchObject({ erasedSince: nowMs, startedAt: null });
    await link.client.config('SET', 'rdb-key-save-delay', '0');
    await waitUntil('the save has ended', async () => (await persistence('rdb_bgsave_in_progress')) === '0');
    await check();
    expect(await rewrites()).toBe(before + 1);
    await untilIdle();
  });

  it('repeats a rewrite during which content was erased, and one that a server restart ended', async () => {
    await erase('fourth-erased-value');
    await check();
    await erase('erased-during-the-rewrite');
    await untilIdle();
    await check();
    expect(await state()).toMatchObject({ erasedSince: nowMs, rewriting: null, rewrittenAt: nowMs });

    const erasedAt = nowMs;
    nowMs += MIN_REWRITE_INTERVAL_MS;
    await check();
    expect(await state()).toMatchObject({ erasedSince: null, rewriting: erasedAt });
    await link.close();
    await redis.stop();
    await redis.restart();
    link = await connect();
    await check();
    expect(await state()).toMatchObject({ erasedSince: erasedAt, rewriting: null });
    expect(warnings).toEqual(['append-only file rewrite failed, retrying']);
    nowMs += MIN_REWRITE_INTERVAL_MS;
    await check();
    await untilIdle();
    await check();
    expect(await state()).toMatchObject({ erasedSince: null, rewriting: null, rewrittenAt: nowMs });
  });

  it('logs one warning a day if MIR may not run the command, and rewrites the file once it may', async () => {
    await erase('fifth-erased-value');
    await link.client.call('ACL', 'SETUSER', 'default', '-bgrewriteaof');
    const erasedAt = nowMs;
    for (const wait of [0, MIN_REWRITE_INTERVAL_MS, REJECTED_RETRY_MS - MIN_REWRITE_INTERVAL_MS - 1]) {
      nowMs += wait;
      await check();
    }
    expect(warnings).toEqual([expect.stringContaining('rejects BGREWRITEAOF')]);
    expect(await state()).toMatchObject({ erasedSince: erasedAt, rewriting: null, rejectedAt: erasedAt });
    await link.client.call('ACL', 'SETUSER', 'default', '+bgrewriteaof');
    nowMs += 1;
    await check();
    await untilIdle();
    await check();
    expect(await state()).toMatchObject({ erasedSince: null, rejectedAt: null, rewrittenAt: nowMs });
  });

  it('logs a warning if the server does not have the command', async () => {
    const managed = await ownRedis(['--rename-command', 'BGREWRITEAOF', '']);
    const own = connectRedis(managed.url, { kind: 'request', timeoutMs: 5_000 }, silent);
    await own.whenReady(10_000);
    await recordErasedContent(own, keys, nowMs);
    await rewriteAppendOnlyFiles({ queueLink: own, keys, log }, [{ role: 'queue', link: own }], nowMs);
    expect(warnings).toEqual([expect.stringContaining('rejects BGREWRITEAOF')]);
    expect(await readFileState(own, keys, 'queue')).toMatchObject({ erasedSince: nowMs, rejectedAt: nowMs });
    await own.close();
  });
});
