import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedis } from '../../deploy/local/find-redis';
import { GUARD_SH, GUARDED_STDIN_SH } from '../../deploy/local/guard';
import { storesCacheDir } from '../../deploy/local/paths';
import { freePort } from '../../deploy/local/ports';
import type { OwnStore } from './own-store';

/** The name under which a Sentinel monitors the primary. */
export const SENTINEL_NAME = 'mir';

/** Starts a Sentinel in a new folder. Returns its port and a function that ends it. */
export async function startSentinel(primary: OwnStore): Promise<{ port: number; end: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'mir-sentinel-'));
  const [found, port] = await Promise.all([
    findRedis({ env: process.env, cacheDir: storesCacheDir(), onProgress: () => {} }),
    freePort(),
  ]);
  const file = join(folder, 'sentinel.conf');
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `logfile ${join(folder, 'sentinel.log')}`,
    `sentinel monitor ${SENTINEL_NAME} 127.0.0.1 ${new URL(primary.url).port} 1`,
    `sentinel down-after-milliseconds ${SENTINEL_NAME} 1000`,
    `sentinel failover-timeout ${SENTINEL_NAME} 5000`,
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
  const script = `${GUARD_SH}\nexec "$@" ${GUARDED_STDIN_SH}`;
  const child = spawn('sh', ['-c', script, 'mir-sentinel', found.program, file, '--sentinel'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = once(child, 'exit');
  return {
    port,
    end: async () => {
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
