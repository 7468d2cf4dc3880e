import { execFile } from 'node:child_process';
import { projectRoot } from '../../shared/project';

const LOCATE_TIMEOUT_MS = 10_000;
const DOWNLOAD_TIMEOUT_MS = 600_000;
/** If no download has started within this time, the network is assumed to block it. */
const FIRST_PROGRESS_TIMEOUT_MS = 15_000;
const RESULT = 'mongod-path:';

const SCRIPT = `
  const { MongoBinary } = require(process.argv[1]);
  MongoBinary.getPath().then(
    (path) => console.log(${JSON.stringify(RESULT)} + path),
    (error) => { console.error(error.message); process.exitCode = 1; },
  );`;

/** Returns the mongod that mongodb-memory-server downloaded earlier or is configured to use. Throws if there is none. */
export function downloadedMongod(env: NodeJS.ProcessEnv): Promise<string> {
  return askMemoryServer({ ...env, MONGOMS_RUNTIME_DOWNLOAD: 'false' }, LOCATE_TIMEOUT_MS).catch(() => {
    throw new Error('not downloaded yet');
  });
}

/** Downloads mongod through mongodb-memory-server. Fails fast if the network blocks the download. */
export async function downloadMongod(env: NodeJS.ProcessEnv, onProgress: (line: string) => void): Promise<string> {
  onProgress('Downloading MongoDB ...');
  return askMemoryServer({ MONGOMS_MAX_RETRIES: '1', ...env }, FIRST_PROGRESS_TIMEOUT_MS);
}

// Runs in a separate process, because the download cannot be canceled.
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
      else reject(new Error(stderr.trim() || `timed out (${error?.message.split('\n')[0] ?? 'no output'})`));
    });
    const silence = setTimeout(() => child.kill('SIGKILL'), firstOutputTimeoutMs);
    child.stdout?.once('data', () => clearTimeout(silence));
  });
}
