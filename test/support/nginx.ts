import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '../../deploy/local/paths';
import { waitUntil } from './wait-until';

/** Debian's folder for nginx is not on the PATH of every user. */
const PATH = `${process.env['PATH']}:/usr/sbin`;

/** Returns why nginx cannot be started, or null. */
export function nginxMissing(): string | null {
  return findOnPath('nginx', { PATH }) === null ? 'nginx not found on PATH (Debian: apt-get install nginx)' : null;
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => resolve(socket.destroy().destroyed));
    socket.once('error', () => resolve(false));
  });

/**
 * Starts nginx with a configuration of the `http` block that listens on `port`. `files` are written beside it, and
 * `configOf` gets their folder. Resolves when nginx accepts connections.
 */
export async function startNginx(
  port: number,
  configOf: (folder: string) => string,
  files: Record<string, string> = {},
): Promise<{ stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'mir-nginx-'));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  const http = ['access_log off;', ...paths, configOf(folder)].join('\n');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, 'nginx.conf'), `pid ${folder}/pid;\nworker_processes 1;\nevents {}\nhttp {\n${http}\n}\n`);
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log'), '-g', 'daemon off;'];
  const child = spawn('nginx', args, { env: { PATH }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text: Buffer) => void (said += text.toString()));
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitUntil('nginx accepts connections', async () => {
      if (child.exitCode !== null) throw new Error(`nginx ended: ${said}`);
      return accepts(port);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
