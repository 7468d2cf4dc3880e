import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisClient } from './link';

type Argument = string | number;

/** Runs a Lua script, which Redis executes atomically. */
interface Script<Keys extends readonly string[], Args extends readonly Argument[], Reply> {
  (redis: RedisClient, keys: Keys, args: Args): Promise<Reply>;
  /** The hash by which Redis caches the script. */
  sha: string;
}

type Command = (keyCount: number, ...keysAndArgs: Argument[]) => Promise<unknown>;

const read = (file: string): string => readFileSync(join(__dirname, 'scripts', file), 'utf8');

/**
 * Loads `scripts/<name>.lua`, preceded by the functions in `scripts/lib` that it uses and the script that it calls as a
 * function of its keys and arguments, and defines it as a command on each connection that uses it. ioredis sends the
 * script's hash, and sends the full text only if the server has not cached the script.
 */
function script<Keys extends readonly string[], Args extends readonly Argument[], Reply>(
  name: string,
  { uses = [], calls }: { uses?: readonly string[]; calls?: string } = {},
): Script<Keys, Args, Reply> {
  const command = `mir:${name}`;
  const called = calls ? [`local function ${calls}(KEYS, ARGV)`, read(`${calls}.lua`), 'end'] : [];
  const lua = [...uses.map((library) => read(`lib/${library}.lua`)), ...called, read(`${name}.lua`)].join('\n');
  const run = (redis: RedisClient, keys: Keys, args: Args): Promise<Reply> => {
    if (!(command in redis)) redis.defineCommand(command, { lua });
    const commands = redis as unknown as Record<string, Command>;
    return commands[command]!(keys.length, ...keys, ...args) as Promise<Reply>;
  };
  return Object.assign(run, { sha: createHash('sha1').update(lua).digest('hex') });
}

type RowAndLease = [row: string, lease: string];

/**
 * The reply from authorize.lua. The script's header documents the values. Some statuses are returned without the
 * numbers.
 */
export type AuthorizeReply = [status: string, keyFacts: string, nodeFacts: string, ...numbers: number[]];

/** What authorize.lua returns with an empty policy. Some statuses are returned alone, or with the time. */
export type CheckReply = [
  status: string,
  keyFacts: string,
  nodeFacts: string,
  nowMs: number,
  expiresAtMs: number,
  path: string,
  scopes: string,
];

type QueueStatsReply = [
  waiting: number,
  prioritized: number,
  active: number,
  delayed: number,
  failed: number,
  oldestWaitingMs: number,
  longestActiveMs: number,
];

type Ledger = [reservations: string, sum: string, partnerBytes: string, finishes: string, clock: string];
type ReserveReply = [status: 'OK' | 'SHARE' | 'FULL', totalBytes: number, partnerBytes: number, ...starts: number[]];

type AuthorizeKeys = [credential: string, openChunks: string, clock: string];
export type AuthorizeArgs = [
  epoch: string,
  policy: string,
  scope: string,
  nodePrefix: string,
  budgetPrefix: string,
  partnerCapacity: Argument,
  entering: string,
  usagePrefix: string,
  ...costGrantChunkIds: Argument[],
];
const AUTHORIZE_USES = ['partner-clock', 'read-node', 'server-epoch', 'usage'];

/** Every Lua script with the types of its keys, arguments and reply. Each file's header documents them. */
export const scripts = {
  authorize: script<AuthorizeKeys, AuthorizeArgs, AuthorizeReply | CheckReply>('authorize', {
    uses: AUTHORIZE_USES,
  }),
  authorizeAndCheck: script<
    [...AuthorizeKeys, ...credentials: string[]],
    AuthorizeArgs,
    [AuthorizeReply, ...CheckReply[]]
  >('authorize-and-check', { uses: AUTHORIZE_USES, calls: 'authorize' }),
  leaseAuthority: script<
    string[],
    [epoch: string, token: string, leaseMs: number],
    [epoch: string, ...tokens: string[]]
  >('lease-authority', { uses: ['server-epoch'] }),
  fillAuthority: script<
    RowAndLease,
    [token: string, ttlMs: number, epoch: string, ...fieldsAndValues: Argument[]],
    number
  >('fill-authority'),
  fenceAuthority: script<string[], [epoch: string, ttlMs: number, token: string], number>('fence-authority', {
    uses: ['server-epoch'],
  }),
  removeFence: script<[clock: string, ...rowsAndLeases: string[]], [token: string], number>('remove-fence', {
    uses: ['partner-clock'],
  }),
  recordUsage: script<
    [usage: string, hours: string],
    [prefix: string, hour: number, process: string, batch: number, ...fieldsAndCounts: Argument[]],
    0 | 1
  >('record-usage', { uses: ['usage'] }),
  releaseUsage: script<[usage: string, hours: string], [hour: number, rev: string, keptMs: number], 0 | 1>(
    'release-usage',
  ),
  advanceClock: script<[clock: string], [floorMs: number], number>('advance-clock', { uses: ['partner-clock'] }),

  readSignals: script<string[], [epoch: string], (string | null)[]>('read-signals', { uses: ['server-epoch'] }),
  fenceSignals: script<string[], [epoch: string, token: string, leaseMs: number], number>('fence-signals', {
    uses: ['server-epoch'],
  }),
  putNewerSignals: script<string[], [epoch: string, ttlSeconds: number, token: string, ...rows: string[]], number>(
    'put-newer-signals',
    { uses: ['server-epoch'] },
  ),
  leaseSignals: script<RowAndLease, [epoch: string, token: string, leaseMs: number], [epoch: string, row?: string]>(
    'lease-signals',
    { uses: ['server-epoch'] },
  ),
  refillSignals: script<RowAndLease, [token: string, epoch: string, ttlSeconds: number, row: string], number>(
    'refill-signals',
  ),

  reserveBytes: script<Ledger, Argument[], ReserveReply>('reserve-bytes'),
  releaseBytes: script<Ledger, string[], number>('release-bytes'),
  finalizeChunks: script<
    [openChunks: string, finalizedChunks: string],
    [maxAgeMs: number, ...chunkIds: string[]],
    number
  >('finalize-chunks'),
  findJobs: script<[failed: string], [jobPrefix: string, ...jobIds: string[]], (0 | 1 | 2)[]>('find-jobs'),
  queueStats: script<
    [waiting: string, prioritized: string, active: string, delayed: string, failed: string],
    [
      jobPrefix: string,
      maxPriorities: number,
      maxActive: number,
      priorityStep: number,
      addedAtField: string,
      takenAtField: string,
    ],
    QueueStatsReply
  >('queue-stats'),
  shortenJobLocks: script<
    [stalledCheck: string, active: string],
    [jobPrefix: string, lockSuffix: string, stalledCheckMs: number, lockMs: number, maxActive: number],
    number
  >('shorten-job-locks'),
  replaceJobData: script<[job: string], readonly [field: string, old: string, replacement: string], number>(
    'replace-job-data',
  ),

  takeLock: script<[lock: string], [holder: string, lockMs: number], 0 | 1>('take-lock', { uses: ['take-lock'] }),
  lockPartitions: script<string[], [holder: string, lockMs: number, enough: number, ...events: number[]], number[]>(
    'lock-partitions',
    { uses: ['take-lock'] },
  ),
  registerSession: script<
    [sessions: string, heartbeat: string],
    [name: string, deadAfterMs: number, registryTtlMs: number, heartbeatPrefix: string],
    string[]
  >('register-session'),
  renewLocks: script<string[], [holder: string, lockMs: number], number>('renew-locks'),
  releaseLocks: script<string[], [holder: string], number>('release-locks'),
};
