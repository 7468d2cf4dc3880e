import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../shared/project';

const LUA = /\bredis\.p?call\b|\bdefineCommand\b|\.eval(?:sha)?\(|\bscript\('LOAD'/i;

describe('Lua scripts', () => {
  it('runs Lua only in shared/redis/scripts.ts, and contains no Lua in other TypeScript files', () => {
    const sources = ['api', 'workers', 'shared', 'deploy'].flatMap((top) =>
      readdirSync(join(projectRoot(), top), { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.tsx?$/.test(file))
        .map((file) => join(top, file)),
    );
    expect(sources.length).toBeGreaterThan(300);
    const withLua = sources.filter((file) => LUA.test(readFileSync(join(projectRoot(), file), 'utf8')));
    expect(withLua).toEqual(['shared/redis/scripts.ts']);
  });
});
