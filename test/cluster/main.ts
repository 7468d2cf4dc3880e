import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openRedisCluster } from '../support/redis-cluster';

/**
 * Long enough for a busy machine. A failover loses writes that have not been replicated yet, and these tests are not
 * about that: `npm run test:faults -- --cluster` is.
 */
const NODE_TIMEOUT_MS = 60_000;

/** Runs the integration tests, or those named as arguments, with a Redis Cluster of three primaries and three replicas. */
async function main(): Promise<number> {
  const cluster = await openRedisCluster(['--cluster-node-timeout', String(NODE_TIMEOUT_MS)]);
  try {
    const primaries = (await cluster.primaries()).map(({ url }) => url);
    // An option with several values would take the names that follow it.
    const args = ['run', '--silent', 'jest', '--', ...process.argv.slice(2), '--selectProjects', 'integration'];
    const env = { ...process.env, REDIS_URL: cluster.url };
    const tests = spawn('npm', args, { stdio: 'inherit', env });
    const [code] = (await once(tests, 'exit')) as [number | null];
    const now = (await cluster.primaries()).map(({ url }) => url);
    if (now.join() !== primaries.join()) {
      process.stderr.write('A primary failed over during the tests, so failures may be due to lost writes.\n');
      return 1;
    }
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
