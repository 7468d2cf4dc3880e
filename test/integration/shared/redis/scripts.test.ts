import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../../shared/project';
import { scripts } from '../../../../shared/redis/scripts';
import { testStores } from '../../../support/test-stores';
import { workerLink } from '../../../support/worker-link';

const FOLDER = join(projectRoot(), 'shared/redis/scripts');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.lua'));
const link = workerLink({ REDIS_URL: testStores().redisUrl });
const redis = link.client;

describe('Lua scripts', () => {
  afterAll(() => link.close());

  it('registers every script file', () => {
    const names = Object.keys(scripts).map((name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
    expect(names.map((name) => `${name}.lua`).toSorted()).toEqual(files.toSorted());
  });

  it.each(files)('compiles %s, whose header documents its keys, arguments and return value', async (file) => {
    const lua = readFileSync(join(FOLDER, file), 'utf8');
    const [header] = /^(?:--.*\n)+/.exec(lua) ?? [''];
    for (const part of [/^-- KEYS/m, /^-- ARGV/m, /^-- Returns /m]) expect(header).toMatch(part);
    await expect(redis.script('LOAD', lua)).resolves.toMatch(/^[0-9a-f]{40}$/);
  });

  it('rejects a script that does not compile', async () => {
    await expect(redis.script('LOAD', 'return (')).rejects.toThrow(/compil/i);
  });

  it('loads a script on a new connection, and loads it again after SCRIPT FLUSH', async () => {
    const run = () => scripts.releaseLocks(redis, ['scripts-test:lock'], ['holder']);
    await redis.set('scripts-test:lock', 'holder');
    await expect(run()).resolves.toBe(1);
    await redis.script('FLUSH');
    await expect(run()).resolves.toBe(0);
  });
});
