'use strict';
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const FOLDERS = ['api', 'workers', 'shared', 'deploy', 'test'];
const FILES = ['tsconfig.json', 'package-lock.json'];
const SOURCE = /\.tsx?$/;
/** Files that programs read at run time: Lua scripts, the stylesheet, browser scripts, the guide's chapters and the runbook. */
const ASSET =
  /\.(?:lua|css)$|^api\/web\/design\/browser\/[^/]+\.js$|\/chapters\/[^/]+\.md$|^deploy\/docs\/runbook\.md$/;

/** Returns a sorted list of the paths below `root` that match the pattern. */
function filesIn(root, pattern) {
  return FOLDERS.filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        path.join(folder, file),
      ),
    )
    .filter((file) => pattern.test(file))
    .toSorted();
}

/**
 * Returns a single hash of all files that dist/ is built from. Hashes file content rather than modification times,
 * because copying a file changes its modification time.
 */
function fingerprint(root) {
  const hash = createHash('sha256');
  const inputs = [...FILES.filter((file) => existsSync(path.join(root, file))), ...filesIn(root, SOURCE)];
  for (const file of [...inputs, ...filesIn(root, ASSET)]) {
    const content = readFileSync(path.join(root, file));
    hash.update(`${file} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/**
 * Runs the compiler and returns whether it succeeded. Prints the compiler's messages to stderr, because stdout belongs
 * to the program that runs afterward.
 */
function tsc(root) {
  const compiler = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  return spawnSync(process.execPath, [compiler, '-p', root], { stdio: ['ignore', 2, 2] }).status === 0;
}

/**
 * Deletes files in dist/ whose sources no longer exist. The compiler leaves these files in place, so Node would still
 * load them.
 */
function removeOrphans(root) {
  const dist = path.join(root, 'dist');
  const exists = (file) => existsSync(path.join(root, file));
  for (const file of filesIn(dist, /\.js(?:\.map)?$/)) {
    const source = file.replace(/\.js(?:\.map)?$/, '');
    if (!exists(`${source}.ts`) && !exists(`${source}.tsx`)) rmSync(path.join(dist, file));
  }
  for (const file of filesIn(dist, ASSET)) if (!exists(file)) rmSync(path.join(dist, file));
}

/**
 * Compiles the sources and copies the assets into dist/, unless dist/ is up to date. Returns false if the compilation
 * fails. In that case, dist/ counts as out of date until a later compilation succeeds.
 */
function build({ root = ROOT, compile = tsc, log = (line) => process.stderr.write(`${line}\n`) } = {}) {
  const stamp = path.join(root, 'dist', '.built-from');
  let wanted = fingerprint(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return true;
  log('Compiling…');
  for (;;) {
    rmSync(stamp, { force: true });
    if (!compile(root)) return false;
    const compiled = wanted;
    wanted = fingerprint(root);
    // If a file changed during the compilation, the compiler may have read either version, so compile again.
    if (wanted === compiled) break;
  }
  removeOrphans(root);
  for (const file of filesIn(root, ASSET)) cpSync(path.join(root, file), path.join(root, 'dist', file));
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
  return true;
}

module.exports = { build };
if (require.main === module) process.exitCode = build() ? 0 : 1;
