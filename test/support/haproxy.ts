import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '../../deploy/local/paths';
import { freePort } from '../../deploy/local/ports';
import { projectRoot } from '../../shared/project';
import { waitUntil } from './wait-until';

const CONFIG = join(projectRoot(), 'deploy/haproxy/haproxy.cfg');
const SERVER = /^ {2}server api-\d+ .*\n/gm;

/** Returns why HAProxy cannot be started, or null. */
export function haproxyMissing(): string | null {
  return findOnPath('haproxy', process.env) === null
    ? 'haproxy not found on PATH (Debian: apt-get install haproxy)'
    : null;
}

/** Starts HAProxy with `deploy/haproxy/haproxy.cfg` in front of these API processes. Resolves when one of them is up. */
export async function startHaproxy(apiPorts: readonly number[]): Promise<{ port: number; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'mir-haproxy-'));
  const file = join(folder, 'haproxy.cfg');
  const port = await freePort();
  const servers = apiPorts.map((_, n) => `  server api-${n + 1} "\${MIR_API_${n + 1}}"\n`).join('');
  writeFileSync(file, readFileSync(CONFIG, 'utf8').replaceAll(SERVER, '').trimEnd().concat('\n', servers));
  const addresses = apiPorts.map((apiPort, n) => [`MIR_API_${n + 1}`, `127.0.0.1:${apiPort}`]);
  const env = { PATH: process.env['PATH'], MIR_PROXY_PORT: String(port), ...Object.fromEntries(addresses) };
  const child = spawn('haproxy', ['-db', '-f', file], { env, stdio: 'ignore' });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  const isUp = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    );
  try {
    await waitUntil('HAProxy has a server', isUp);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}
