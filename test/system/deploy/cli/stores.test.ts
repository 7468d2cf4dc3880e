import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { ADMIN_TOKEN, type Harness, startHarness } from '../../../support/harness';
import { growTree } from '../../../support/grow-tree';
import { statusWith } from '../../../support/partners';
import { cli } from '../../../support/cli';
import { MIR_PROGRAM, runMir } from '../../../support/mir-process';

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

const writeJson = (name: string, facts: unknown): void => writeFileSync(join(dataDir, name), JSON.stringify(facts));

describe('database connections of the CLI', () => {
  it('fails with instructions if it finds no databases', async () => {
    const result = await cli({ DATA_DIR: dataDir }, 'partners', 'list', '--json');
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(JSON.parse(result.err).detail).toMatch(/npm start[^]*MONGO_URL, REDIS_URL and SUBJECT_PEPPER/);
  });

  it('uses the databases of the running `npm start` if the environment contains no URLs', async () => {
    const { partnerId } = await h.partner();
    const { MONGO_URL: mongoUrl, REDIS_URL: redisUrl, SUBJECT_PEPPER, KEYSPACE } = h.env;
    writeJson('stack.json', { pid: process.pid, url: h.url, mongoUrl, redisUrl, keyspace: KEYSPACE });
    writeJson('secrets.json', { ADMIN_TOKEN, SUBJECT_PEPPER });
    const result = await cli({ DATA_DIR: dataDir }, 'partners', 'list', '--json');
    expect(result.json().data.map((partner: { partnerId: string }) => partner.partnerId)).toEqual([partnerId]);
  });

  it('uses the keyspace of the running `npm start`, so that a suspension takes effect there', async () => {
    const { partnerId, liveKey } = await h.partner();
    expect(await statusWith(h.client, liveKey)).toBe(200);
    expect(
      (await cli({ DATA_DIR: dataDir }, 'partners', 'suspend', partnerId, '--reason', 'fraud', '--yes')).code,
    ).toBe(0);
    expect(await statusWith(h.client, liveKey)).toBe(403);
  });

  it('rejects a pepper that does not match the database', async () => {
    const result = await cli({ ...h.env, SUBJECT_PEPPER: 'x'.repeat(40) }, 'partners', 'list');
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(result.err).toContain('SUBJECT_PEPPER does not match this database');
  });

  it('names the unreachable database and refers to `mir doctor`', async () => {
    const result = await cli({ ...h.env, MONGO_URL: 'mongodb://127.0.0.1:1/none' }, 'partners', 'list');
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/mongodb:\/\/127\.0\.0\.1:1\/none cannot be reached[^]*mir doctor/);
    const migrating = await cli({ ...h.env, MONGO_URL: 'mongodb://127.0.0.1:1/none' }, 'migrate', 'plan');
    expect(migrating.err).toMatch(/cannot be reached[^]*mir doctor/);
  });
});

describe('the CLI process', () => {
  it('prints only JSON, even with LOG_LEVEL=trace', async () => {
    const { stdout, stderr } = await runMir({ ...h.env, LOG_LEVEL: 'trace' }, 'partners', 'list', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ nextCursor: null });
    expect(stderr).toBe('');
  });

  it.each([
    ['a list', ['partners', 'list'], 0],
    ['a stream', ['agents', 'tree', '--partner'], 0],
    ['an error', ['partners', 'show', 'prt_none'], 1],
  ])('exits silently if the reader of its output closes the pipe during %s', async (_what, args, code) => {
    const { partnerId } = await h.partner();
    // Makes the command print more than a pipe can buffer.
    if (args[1] === 'tree') await growTree(h.ctx.store, tenantOf(partnerId, 'live'), 2_000);
    const fullArgs = args[1] === 'tree' ? [...args, partnerId] : args;
    const child = spawn(process.execPath, [MIR_PROGRAM, ...fullArgs], {
      env: { ...process.env, ...h.env, NODE_OPTIONS: '' },
    });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.stdout.destroy();
    const [exitCode] = (await once(child, 'close')) as [number | null];
    expect({ exitCode, crash: err.includes('EPIPE') }).toEqual({ exitCode: code, crash: false });
    if (code === 0) expect(err).toBe('');
  });

  it('exits with code 1 and prints the error to stderr when a command is rejected', async () => {
    const result = await runMir(h.env, 'partners', 'show', 'prt_none');
    expect(result).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining('NOT_FOUND') });
  });
});
