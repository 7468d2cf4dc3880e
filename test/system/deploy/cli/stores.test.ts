import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { ADMIN_TOKEN, type Harness, startHarness } from '../../../support/harness';
import { growTree } from '../../../support/grow-tree';
import { statusWith } from '../../../support/partners';
import { cli } from '../../../support/cli';

const MAIN = join(__dirname, '..', '..', '..', '..', 'dist', 'deploy', 'cli', 'main.js');

let h: Harness;
let dataDir: string;
beforeAll(async () => {
  h = await startHarness({ workers: false });
  dataDir = mkdtempSync(join(tmpdir(), 'mir-cli-'));
});
afterAll(async () => {
  rmSync(dataDir, { recursive: true, force: true });
  await h.close();
});

const write = (name: string, facts: unknown): void => writeFileSync(join(dataDir, name), JSON.stringify(facts));

describe('how the CLI finds its stores', () => {
  it('fails with instructions when there are none', async () => {
    const result = await cli({ DATA_DIR: dataDir }, 'partners', 'list', '--json');
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(JSON.parse(result.err).detail).toMatch(/npm start[^]*MONGO_URL, REDIS_URL and SUBJECT_PEPPER/);
  });

  it('uses the running `npm start` when the environment names no store', async () => {
    const { partnerId } = await h.partner();
    const { MONGO_URL: mongoUrl, REDIS_URL: redisUrl, SUBJECT_PEPPER, KEYSPACE } = h.env;
    write('stack.json', { pid: process.pid, url: h.url, mongoUrl, redisUrl, keyspace: KEYSPACE });
    write('secrets.json', { ADMIN_TOKEN, SUBJECT_PEPPER });
    const result = await cli({ DATA_DIR: dataDir }, 'partners', 'list', '--json');
    expect(result.json().data.map((partner: { partnerId: string }) => partner.partnerId)).toEqual([partnerId]);
  });

  it('uses the keyspace of the running `npm start`, so that a suspension takes effect there', async () => {
    const { partnerId, liveKey } = await h.partner();
    expect(await statusWith(h.client, liveKey)).toBe(200);
    expect((await cli({ DATA_DIR: dataDir }, 'partners', 'suspend', partnerId)).code).toBe(0);
    expect(await statusWith(h.client, liveKey)).toBe(403);
  });

  it('rejects a different pepper', async () => {
    const result = await cli({ ...h.env, SUBJECT_PEPPER: 'x'.repeat(40) }, 'partners', 'list');
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(result.err).toContain('SUBJECT_PEPPER does not match this database');
  });

  it('names the store that is unreachable and points to `mir doctor`', async () => {
    const result = await cli({ ...h.env, MONGO_URL: 'mongodb://127.0.0.1:1/none' }, 'partners', 'list');
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/mongodb:\/\/127\.0\.0\.1:1\/none cannot be reached[^]*mir doctor/);
    const migrating = await cli({ ...h.env, MONGO_URL: 'mongodb://127.0.0.1:1/none' }, 'migrate', 'plan');
    expect(migrating.err).toMatch(/cannot be reached[^]*mir doctor/);
  });
});

describe('the CLI process', () => {
  it('exits with only JSON on stdout at any LOG_LEVEL', async () => {
    const env = { ...process.env, ...h.env, LOG_LEVEL: 'trace' };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [MAIN, 'partners', 'list', '--json'], {
      env: { ...env, NODE_OPTIONS: '' },
    });
    expect(JSON.parse(stdout)).toMatchObject({ nextCursor: null });
    expect(stderr).toBe('');
  });

  it.each([
    ['a list', ['partners', 'list'], 0],
    ['a stream', ['agents', 'tree', '--partner'], 0],
    ['an error', ['partners', 'show', 'prt_none'], 1],
  ])('exits silently when its reader closes the pipe during %s', async (_what, args, code) => {
    const { partnerId } = await h.partner();
    // Prints more than a pipe buffers.
    if (args[1] === 'tree') await growTree(h.ctx.store, tenantOf(partnerId, 'live'), 2_000);
    const whole = args[1] === 'tree' ? [...args, partnerId] : args;
    const child = spawn(process.execPath, [MAIN, ...whole], { env: { ...process.env, ...h.env, NODE_OPTIONS: '' } });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.stdout.destroy();
    const [exitCode] = (await once(child, 'close')) as [number | null];
    expect({ exitCode, crash: err.includes('EPIPE') }).toEqual({ exitCode: code, crash: false });
    if (code === 0) expect(err).toBe('');
  });

  it('exits with the exit code of a rejected command', async () => {
    const run = promisify(execFile)(process.execPath, [MAIN, 'partners', 'show', 'prt_none'], {
      env: { ...process.env, ...h.env },
    });
    await expect(run).rejects.toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('NOT_FOUND') });
  });
});
