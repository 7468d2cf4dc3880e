import { execFile } from 'node:child_process';
import { projectRoot } from '../../shared/project';

const LOCATE_TIMEOUT_MS = 10_000;
const DOWNLOAD_TIMEOUT_MS = 600_000;
/** Without a first sign of a download within this time the network does not allow it. */
const FIRST_PROGRESS_TIMEOUT_MS = 15_000;
const RESULT = 'mongod-path:';

const SCRIPT = `
  const { MongoBinary } = require(process.argv[1]);
  MongoBinary.getPath().then(
    (path) => console.log(${JSON.stringify(RESULT)} + path),
    (error) => { console.error(error.message); process.exitCode = 1; },
  );`;

/** The mongod that mongodb-memory-server downloaded earlier (or is configured to use); throws without one. */
export function downloadedMongod(env: NodeJS.ProcessEnv): Promise<string> {
  return askMemoryServer({ ...env, MONGOMS_RUNTIME_DOWNLOAD: 'false' }, LOCATE_TIMEOUT_MS).catch(() => {
    throw new Error('not downloaded yet');
  });
}

/** Lets mongodb-memory-server download a mongod; throws soon where the network refuses it. */
export async function downloadMongod(env: NodeJS.ProcessEnv, onProgress: (line: string) => void): Promise<string> {
  onProgress('Looking for a MongoDB to download ...');
  return askMemoryServer({ MONGOMS_MAX_RETRIES: '1', ...env }, FIRST_PROGRESS_TIMEOUT_MS);
}

// In a process of its own, because the download itself cannot be cancelled.
function askMemoryServer(env: NodeJS.ProcessEnv, firstOutputTimeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = ['-e', SCRIPT, require.resolve('mongodb-memory-server')];
    const options = { env, cwd: projectRoot(), timeout: DOWNLOAD_TIMEOUT_MS };
    const child = execFile(process.execPath, args, options, (error, stdout, stderr) => {
      clearTimeout(silence);
      const path = stdout
        .split('\n')
        .find((line) => line.startsWith(RESULT))
        ?.slice(RESULT.length);
      if (path !== undefined) resolve(path);
      else reject(new Error(stderr.trim() || `no answer in time (${error?.message.split('\n')[0] ?? 'no output'})`));
    });
    const silence = setTimeout(() => child.kill('SIGKILL'), firstOutputTimeoutMs);
    child.stdout?.once('data', () => clearTimeout(silence));
  });
}
