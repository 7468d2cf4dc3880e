import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = path.join(__dirname, '../..');

const filesIn = (folder: string): string[] =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => path.join(folder, name));
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

describe('the sources', () => {
  it('assert no value to be of type never, which would hide what the types say', () => {
    const sources = ['api', 'deploy', 'shared', 'test', 'workers'].flatMap(filesIn);
    expect(sources.length).toBeGreaterThan(300);
    expect(sources.filter((file) => /\bas\s+never\b/.test(read(file)))).toEqual([]);
  });

  it('have every test in a top-level describe', () => {
    const tests = filesIn('test').filter((file) => file.endsWith('.test.ts'));
    expect(tests.length).toBeGreaterThan(100);
    expect(tests.filter((file) => !/^describe/m.test(read(file)) || /^it\b/m.test(read(file)))).toEqual([]);
  });
});
