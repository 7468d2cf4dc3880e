import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = path.join(__dirname, '../..');

const filesIn = (folder: string, names = /\.tsx?$/): string[] =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => names.test(name))
    .map((name) => path.join(folder, name));
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

describe('source files', () => {
  it('contains no casts to never, which would bypass type checking', () => {
    const sources = ['api', 'deploy', 'shared', 'test', 'workers'].flatMap((folder) => filesIn(folder));
    expect(sources.length).toBeGreaterThan(300);
    expect(sources.filter((file) => /\bas\s+never\b/.test(read(file)))).toEqual([]);
  });

  it("uses BullMQ's Redis keys and job fields only in bullmq-internals.ts and its contract test", () => {
    const keys =
      /toKey\(|queuePrefix\([^)]*\)\}:|processedOn|4294967296|:(?:wait|prioritized|active|delayed|failed)['"`]|HGET[^)]*'data'/;
    const sources = ['api', 'deploy', 'shared', 'test', 'workers']
      .flatMap((folder) => filesIn(folder, /\.(?:tsx?|lua)$/))
      .filter((file) => !file.endsWith('sources.test.ts'));
    expect(sources.filter((file) => keys.test(read(file)))).toEqual([
      'shared/queue/bullmq-internals.ts',
      'test/integration/shared/queue/bullmq-internals.test.ts',
    ]);
  });

  it('declares every test inside a top-level describe', () => {
    const tests = filesIn('test').filter((file) => file.endsWith('.test.ts'));
    expect(tests.length).toBeGreaterThan(100);
    expect(tests.filter((file) => !/^describe/m.test(read(file)) || /^it\b/m.test(read(file)))).toEqual([]);
  });
});
