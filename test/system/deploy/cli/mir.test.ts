import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { projectRoot, VERSION } from '../../../../shared/project';
import { tempDirs } from '../../../support/temp-dirs';

const root = projectRoot();
const run = promisify(execFile);
const { tempDir } = tempDirs();

/** Returns the packages that the CLI loads when it runs with these arguments. */
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

describe('the built `mir` command', () => {
  it.each([[['--version']], [['--help']], [[]], [['help']], [['no-such-command']]])(
    'loads only its argument parser for %j',
    (args) => {
      expect(packagesLoadedBy(...args)).toEqual(['commander']);
    },
  );

  it.each([
    ['partners', 'list'],
    ['people', 'find'],
    ['users', 'erase'],
  ])('loads the packages that a command needs, but not the packages for web pages: %s %s', (...command) => {
    const loaded = packagesLoadedBy(...command, '--help');
    expect(loaded).toEqual(expect.arrayContaining(['commander', 'mongoose']));
    expect(loaded.filter((name) => ['preact', 'markdown-it', 'better-auth'].includes(name))).toEqual([]);
  });

  it('prints only the version, from any folder', async () => {
    const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { mir: string } };
    const { stdout, stderr } = await run(join(root, bin.mir), ['--version'], { cwd: '/' });
    expect([stdout, stderr]).toEqual([`${VERSION}\n`, '']);
  });

  it('runs from PATH in the image, which contains no source files', async () => {
    const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
    const [, target, link] = /^RUN ln -s \/app\/(\S+) \/usr\/local\/bin\/(\S+)$/m.exec(dockerfile)!;
    expect(dockerfile).toContain(`chmod +x ${target}`);
    const image = tempDir();
    cpSync(join(root, 'dist'), join(image, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(image, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(image, 'node_modules'));
    chmodSync(join(image, target!), 0o755);
    mkdirSync(join(image, 'bin'));
    symlinkSync(join(image, target!), join(image, 'bin', link!));
    const env = { PATH: [join(image, 'bin'), process.env['PATH']].join(delimiter) };
    const { stdout, stderr } = await run('mir', ['--version'], { cwd: '/', env });
    expect([stdout, stderr]).toEqual([`${VERSION}\n`, '']);
    await expect(run('mir', ['partners', 'list'], { cwd: '/', env })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Cannot find MIR's stores"),
    });
  });

  it('runs as an npm script', async () => {
    const { stdout } = await run('npm', ['run', '--silent', 'mir', '--', '--version'], { cwd: root });
    expect(stdout).toBe(`${VERSION}\n`);
  });
});
