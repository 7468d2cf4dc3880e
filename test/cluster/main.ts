import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openRedisCluster } from '../support/redis-cluster';

/** Runs the integration tests, or those named as arguments, with a Redis Cluster of three primaries and three replicas. */
async function main(): Promise<number> {
  const cluster = await openRedisCluster();
  try {
    // An option with several values would take the names that follow it.
    const args = ['run', '--silent', 'jest', '--', ...process.argv.slice(2), '--selectProjects', 'integration'];
    const env = { ...process.env, REDIS_URL: cluster.url };
    const tests = spawn('npm', args, { stdio: 'inherit', env });
    const [code] = (await once(tests, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    await cluster.end();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
