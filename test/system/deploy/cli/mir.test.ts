import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { projectRoot, VERSION } from '../../../../shared/project';

const root = projectRoot();
const run = promisify(execFile);

/** Packages that a command line loads before it ends. */
function packagesLoadedBy(...args: string[]): string[] {
  const program = `
    const { runCli } = require('./dist/deploy/cli/run.js');
    const shell = { env: {}, out: () => {}, err: () => {}, terminal: null };
    runCli(${JSON.stringify(args)}, shell).then(() => console.log(JSON.stringify(Object.keys(require.cache))));`;
  const files = JSON.parse(
    execFileSync(process.execPath, ['-e', program], { cwd: root, encoding: 'utf8' }),
  ) as string[];
  const names = files.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  return [...new Set(names)].toSorted();
}

describe('the built mir', () => {
  it.each([[['--version']], [['--help']], [[]], [['help']], [['no-such-command']]])(
    'loads nothing but its parser for %j',
    (args) => {
      expect(packagesLoadedBy(...args)).toEqual(['commander']);
    },
  );

  it('loads what a command needs, and nothing of the web pages', () => {
    const loaded = packagesLoadedBy('partners', 'list', '--help');
    expect(loaded).toEqual(expect.arrayContaining(['commander', 'mongoose']));
    expect(loaded.filter((name) => ['preact', 'markdown-it', 'better-auth'].includes(name))).toEqual([]);
  });

  it.each([
    ['mir of the package', join(root, 'deploy/cli/mir.js')],
    ['mir of the image', join(root, 'dist/deploy/cli/main.js')],
  ])('%s prints the version alone, from any folder', async (_which, file) => {
    const { stdout, stderr } = await run(process.execPath, [file, '--version'], { cwd: '/' });
    expect([stdout, stderr]).toEqual([`${VERSION}\n`, '']);
  });

  it('is what npm runs as `mir`', async () => {
    const { stdout } = await run('npm', ['run', '--silent', 'mir', '--', '--version'], { cwd: root });
    expect(stdout).toBe(`${VERSION}\n`);
  });
});
