import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MongoProgram } from './find-mongo';
import { GUARD_SH, GUARDED_STDIN_SH } from './guard';

const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 25;
const CACHE_SIZE = '512M';
const EXECUTABLE = 0o755;
/** Version that stand-ins report. mongodb-memory-server chooses its options based on this version. */
export const STAND_IN_VERSION = '8.0.0';

/** Writes the script that mongodb-memory-server runs instead of `mongod`, and returns its path. */
export function writeMongoScript(found: MongoProgram, cacheDir: string): string {
  const text = found.kind === 'mongod' ? mongodScript(found) : standInScript(found);
  const name = `${found.kind}-${createHash('sha256').update(text).digest('hex').slice(0, 12)}.sh`;
  const folder = join(cacheDir, 'scripts');
  const file = join(folder, name);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const temporary = `${file}.${randomUUID()}.tmp`;
  writeFileSync(temporary, text, { mode: EXECUTABLE });
  renameSync(temporary, file);
  return file;
}

function mongodScript({ command }: MongoProgram): string {
  return `#!/bin/sh
[ "$1" = --version ] && exec ${quoted(command)} --version
${GUARD_SH}
exec ${quoted(command)} "$@" ${GUARDED_STDIN_SH}
`;
}

function standInScript({ command, version }: MongoProgram): string {
  const flags = `--host 127.0.0.1 --sync-on-commit --log-level WARNING --cache-size ${CACHE_SIZE}`;
  return `#!/bin/sh
# Runs ${version} instead of mongod.
[ "$1" = --version ] && { echo 'db version v${STAND_IN_VERSION}'; exit 0; }
port= dbpath=
while [ $# -gt 0 ]; do
  case "$1" in
    --port) port=$2; shift ;;
    --dbpath) dbpath=$2; shift ;;
  esac
  shift
done
${GUARD_SH}
( ${quoted([process.execPath, '-e', ANNOUNCE])} "$port" </dev/null 3<&- & )
exec ${quoted(command)} --port "$port" --storage-path "$dbpath" ${flags} ${GUARDED_STDIN_SH} >"$dbpath.log" 2>&1
`;
}

// As soon as the server's port is open, prints the line that mongodb-memory-server waits for.
const ANNOUNCE = `
const deadline = Date.now() + ${READY_TIMEOUT_MS};
const knock = () => {
  const socket = require("net").connect(+process.argv[1], "127.0.0.1");
  socket.on("connect", () => { console.log(JSON.stringify({ msg: "Waiting for connections" })); process.exit(); });
  socket.on("error", () => Date.now() < deadline && setTimeout(knock, ${READY_POLL_MS}));
};
process.stdout.on("error", () => process.exit());
knock();`;

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}
