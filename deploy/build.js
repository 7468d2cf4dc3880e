'use strict';
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const FOLDERS = ['api', 'workers', 'shared', 'deploy', 'test'];
const FILES = ['tsconfig.json', 'package-lock.json'];

/** Returns a hash of everything that the compiler reads, by content: copies and checkouts change times, not content. */
function fingerprint(root) {
  const sources = FOLDERS.filter((folder) => existsSync(path.join(root, folder))).flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file))
      .map((file) => path.join(folder, file)),
  );
  const hash = createHash('sha256');
  for (const file of [...FILES.filter((one) => existsSync(path.join(root, one))), ...sources.toSorted()]) {
    const content = readFileSync(path.join(root, file));
    hash.update(`${file} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/** Runs the compiler. Its messages go to stderr: stdout belongs to the program that is started afterwards. */
function tsc(root) {
  const compiler = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  return spawnSync(process.execPath, [compiler, '-p', root], { stdio: ['ignore', 2, 2] }).status === 0;
}

/** Deletes what was compiled from sources that are gone: the compiler leaves it, and it would still run. */
function removeOrphans(root) {
  const isSource = (file) => ['.ts', '.tsx'].some((extension) => existsSync(path.join(root, `${file}${extension}`)));
  for (const folder of FOLDERS.filter((one) => existsSync(path.join(root, 'dist', one)))) {
    for (const name of readdirSync(path.join(root, 'dist', folder), { recursive: true, encoding: 'utf8' })) {
      const [, source] = /^(.*)\.js(?:\.map)?$/.exec(path.join(folder, name)) ?? [];
      if (source !== undefined && !isSource(source)) rmSync(path.join(root, 'dist', folder, name));
    }
  }
}

/**
 * Compiles the sources into dist/, unless dist/ was compiled from exactly these sources. Returns false when they do not
 * compile; dist/ then counts as out of date until they do.
 */
function build({ root = ROOT, compile = tsc, say = (line) => process.stderr.write(`${line}\n`) } = {}) {
  const stamp = path.join(root, 'dist', '.built-from');
  let wanted = fingerprint(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return true;
  say('Compiling…');
  for (;;) {
    rmSync(stamp, { force: true });
    if (!compile(root)) return false;
    const compiled = wanted;
    wanted = fingerprint(root);
    // A file that was saved meanwhile may have been read before or after: compile it again.
    if (wanted === compiled) break;
  }
  removeOrphans(root);
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
  return true;
}

module.exports = { build };
if (require.main === module) process.exitCode = build() ? 0 : 1;
