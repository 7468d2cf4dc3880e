import { usesDevelopmentPepper } from '../../../shared/config/config';
import { withDeadline } from '../../../shared/concurrency/deadline';
import { messageWithCauses } from '../../../shared/errors';
import type { Store } from '../../../shared/store/store';
import type { ApiContext } from '../../context';
import { compareClocks } from './check-clocks';
import { checkDisk } from './check-leftovers';
import { checkSettings } from './check-settings';
import { type Clock, examineRedis, examineStore } from './examine-servers';
import { CheckTimeout, createCheckRunner, type CheckRunner, type Finding } from './finding';

/** Time limit of each check, so that one server that does not respond cannot hold up the page. */
const CHECK_TIMEOUT_MS = 3_000;
/** Time limit of all checks of one server, which follow each other. */
const SERVER_TIMEOUT_MS = 8_000;

type Deps = Pick<ApiContext, 'config' | 'keys' | 'log' | 'store' | 'queueLink' | 'cacheLink' | 'queues'>;

/** What the checks found, and when. */
export interface HealthReport {
  at: Date;
  findings: Finding[];
  /** Number of worker processes that are connected to the event queue. Null if it is not known. */
  workers: number | null;
}

/** Describes errors in our own words, because the messages of drivers may contain addresses. The log has them. */
function describing({ log }: Deps): (error: unknown, check?: string) => string {
  return (error, check) => {
    log.warn({ err: messageWithCauses(error), check }, 'health check failed');
    if (error instanceof CheckTimeout) return error.message;
    return 'the server did not respond, or it rejected the check; the log of the API contains the error';
  };
}

/** Replaces the addresses of a cluster's nodes. */
function withoutAddresses({ check, found, ...rest }: Finding): Finding {
  return { ...rest, check: check.replace(/ \S+:\d+$/, ' node'), found: found.replaceAll(/\S+:\d+\b/g, 'a node') };
}

async function examineServers(deps: Deps, checks: CheckRunner, servers: CheckRunner): Promise<Finding[]> {
  const clocks: Clock[] = [];
  const [mongo, redis] = await Promise.all([
    servers.checked('mongo', 'check the server at MONGO_URL', () =>
      examineStore(deps.store, deps.config, clocks, checks),
    ),
    servers.checked('redis', 'check the server at REDIS_URL', () => examineRedis(deps, clocks, checks)),
  ]);
  const compared = clocks.length > 0 ? [compareClocks(clocks)] : [];
  return [...mongo, ...[...redis, ...compared].map(withoutAddresses)];
}

async function countWorkers({ queues }: Deps): Promise<number | null> {
  const count = queues.events.getWorkersCount();
  return withDeadline(count, CHECK_TIMEOUT_MS, () => new CheckTimeout(CHECK_TIMEOUT_MS)).catch(() => null);
}

async function examine(deps: Deps): Promise<HealthReport> {
  const textOf = describing(deps);
  const [checks, servers] = [CHECK_TIMEOUT_MS, SERVER_TIMEOUT_MS].map((timeoutMs) =>
    createCheckRunner({ timeoutMs, textOf }),
  ) as [CheckRunner, CheckRunner];
  const { config } = deps;
  const [found, workers, disk] = await Promise.all([
    examineServers(deps, checks, servers),
    countWorkers(deps),
    checks.checked('disk', 'check that this process may read its data folder', () => checkDisk(config.dataDir)),
  ]);
  const settings = checkSettings(config, { pepper: !usesDevelopmentPepper(config) });
  return { at: new Date(), findings: [...settings, ...found, ...disk], workers };
}

interface Run {
  report: Promise<HealthReport>;
  finishedAtMs: number | null;
}

const runs = new WeakMap<Store, Run>();

/**
 * Runs the checks of `mir doctor` over this process's connections, except those of files that a crashed `npm start` may
 * have left behind. Returns an earlier report if it is younger than `maxAgeMs`. Concurrent calls share a run. Reports
 * failures as findings, never as a rejection.
 */
export function readHealth(deps: Deps, maxAgeMs = 0): Promise<HealthReport> {
  const last = runs.get(deps.store);
  if (last && (last.finishedAtMs === null || Date.now() - last.finishedAtMs < maxAgeMs)) return last.report;
  const run: Run = { report: examine(deps), finishedAtMs: null };
  runs.set(deps.store, run);
  const finish = (): void => void (run.finishedAtMs = Date.now());
  run.report.then(finish, finish);
  return run.report;
}
