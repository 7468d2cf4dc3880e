import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../shared/project';

const LUA = /\bredis\.p?call\b|\bdefineCommand\b|\.eval(?:sha)?\(|\bscript\('LOAD'/i;

describe('Lua scripts', () => {
  it('keeps all Lua calls in shared/redis/scripts.ts', () => {
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
