import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tempDirs } from '../../support/temp-dirs';

interface BuildOptions {
  root: string;
  compile: (root: string) => boolean;
  log: (line: string) => void;
}
const { build } = require('../../../deploy/build') as { build: (options: BuildOptions) => boolean };
const { tempDir } = tempDirs();

/** An asset that programs read at runtime. */
const SCRIPT = 'shared/redis/scripts/authorize.lua';

function write(root: string, file: string, content: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), content);
}

/** Creates a folder with one source file, and counts the compiler runs. */
function project(compile: (root: string) => boolean = () => true) {
  const root = tempDir();
  const counts = { compiled: 0 };
  const logged: string[] = [];
  mkdirSync(join(root, 'api'));
  writeFileSync(join(root, 'api', 'main.ts'), 'one');
  const run = (): boolean =>
    build({
      root,
      compile: () => {
        counts.compiled += 1;
        return compile(root);
      },
      log: (line) => void logged.push(line),
    });
  return { root, counts, logged, run };
}

describe('npm run build', () => {
  it('compiles unchanged sources only once, and prints a message when it compiles', () => {
    const { root, counts, logged, run } = project();
    expect([run(), run()]).toEqual([true, true]);
    utimesSync(join(root, 'api', 'main.ts'), new Date(), new Date());
    expect(run()).toBe(true);
    expect(counts.compiled).toBe(1);
    expect(logged).toEqual(['Compiling…']);
  });

  it.each([
    ['a changed source', (root: string) => writeFileSync(join(root, 'api', 'main.ts'), 'two')],
    ['a new source', (root: string) => writeFileSync(join(root, 'api', 'new.tsx'), 'new')],
    ['a deleted source', (root: string) => rmSync(join(root, 'api', 'main.ts'))],
    ['a new script', (root: string) => write(root, SCRIPT, 'return 1')],
    ['changed compiler settings', (root: string) => writeFileSync(join(root, 'tsconfig.json'), '{}')],
    ['updated packages', (root: string) => writeFileSync(join(root, 'package-lock.json'), '{}')],
    ['a deleted dist folder', (root: string) => rmSync(join(root, 'dist'), { recursive: true })],
  ])('compiles again after %s', (_what, change) => {
    const { root, counts, run } = project();
    run();
    change(root);
    expect(run()).toBe(true);
    expect(counts.compiled).toBe(2);
  });

  it('deletes only compiled files whose source no longer exists', () => {
    const { root, run } = project(() => {
      mkdirSync(join(root, 'dist', 'api'), { recursive: true });
      for (const file of ['main.js', 'main.js.map', 'gone.js', 'gone.js.map']) {
        writeFileSync(join(root, 'dist', 'api', file), '');
      }
      return true;
    });
    run();
    expect(readdirSync(join(root, 'dist', 'api')).toSorted()).toEqual(['main.js', 'main.js.map']);
  });

  it.each([
    [SCRIPT, 'return 2'],
    ['api/web/design/mir.css', 'a{}'],
    ['api/web/design/browser/passkeys.js', 'ask()'],
    ['api/web/guide/chapters/01-quickstart.md', '# Quickstart'],
    ['deploy/docs/runbook.md', '# Runbook'],
  ])('copies %s when no other file changes, and deletes the copy when the original is deleted', (file, content) => {
    const { root, run } = project();
    write(root, file, 'old');
    run();
    write(root, file, content);
    run();
    expect(readFileSync(join(root, 'dist', file), 'utf8')).toBe(content);
    rmSync(join(root, file));
    run();
    expect(existsSync(join(root, 'dist', file))).toBe(false);
  });

  it('does not copy documentation that no program reads', () => {
    const { root, run } = project();
    for (const file of ['backup.md', 'old/deploy/docs/runbook.md']) write(root, `deploy/docs/${file}`, '# Backup');
    run();
    expect(existsSync(join(root, 'dist', 'deploy'))).toBe(false);
  });

  it('treats dist as out of date after a failed compilation', () => {
    let compiles = false;
    const { counts, run } = project(() => compiles);
    expect([run(), run()]).toEqual([false, false]);
    compiles = true;
    expect(run()).toBe(true);
    expect(counts.compiled).toBe(3);
  });

  it('compiles again when a source changes during the compilation', () => {
    let saves = 1;
    const { counts, run } = project((root) => {
      if (saves > 0) writeFileSync(join(root, 'api', 'main.ts'), `saved ${saves}`);
      saves -= 1;
      return true;
    });
    expect([run(), run()]).toEqual([true, true]);
    expect(counts.compiled).toBe(2);
  });
});
