import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { TierRules } from '../../shared/domain/tier';
import { SETTINGS } from '../../shared/config/settings';
import { readStackFile } from '../local/stack-file';
import { dataDirOf } from '../local/settings';

const MAX_EVENTS = 5_000_000;
const MAX_CONCURRENCY = 256;
const CONCURRENCY_PER_CORE = 8;

const USAGE = `npm run demo -- [options]
  --seed N             seed for the generated day (default 1)
  --events N           number of counted events (default 20000)
  --resend-percent P   percentage of requests to send twice (default 0)
  --url URL            URL of the API (default: the running npm start, otherwise http://localhost:$PORT)
  --env live|test      environment of the keys (default live)
  --concurrency N      concurrent requests (default ${CONCURRENCY_PER_CORE} per core)`;

const optionsSchema = z.object({
  seed: z.coerce.number().int().min(0).default(1),
  events: z.coerce.number().int().min(1).max(MAX_EVENTS).default(20_000),
  'resend-percent': z.coerce.number().min(0).max(100).default(0),
  url: z.url({ protocol: /^https?$/ }).optional(),
  env: z.enum(['live', 'test']).default('live'),
  concurrency: z.coerce.number().int().min(1).max(MAX_CONCURRENCY).optional(),
});

/** Parsed options, and the URLs of the running system. */
export interface DemoOptions {
  seed: number;
  events: number;
  resendPercent: number;
  url: string;
  mongoUrl: string;
  env: 'live' | 'test';
  concurrency: number;
  rules: TierRules;
}

/**
 * Parses the arguments. Returns null for `--help`. Throws a readable error if an option is invalid or no running system
 * is found.
 */
export function readOptions(args: string[], environment: NodeJS.ProcessEnv): DemoOptions | null {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      seed: text,
      events: text,
      'resend-percent': text,
      url: text,
      env: text,
      concurrency: text,
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return null;
  const parsed = optionsSchema.safeParse(values);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`);
    throw new Error(`${wrong.join('\n')}\n${USAGE}`);
  }
  const { url, concurrency, 'resend-percent': resendPercent, ...rest } = parsed.data;
  return {
    ...rest,
    resendPercent,
    ...findSystem(url, environment),
    concurrency: concurrency ?? CONCURRENCY_PER_CORE * availableParallelism(),
    rules: rulesOf(environment),
  };
}

/** Returns the help text. */
export function usage(): string {
  return USAGE;
}

function findSystem(url: string | undefined, environment: NodeJS.ProcessEnv): { url: string; mongoUrl: string } {
  const stack = readStackFile(dataDirOf(environment));
  const mongoUrl = environment['MONGO_URL'] || stack?.mongoUrl;
  if (!mongoUrl) {
    throw new Error('MIR is not running. Start it with `npm start`, or set MONGO_URL, REDIS_URL and --url.');
  }
  const found = url ?? stack?.url ?? `http://localhost:${environment['PORT'] || SETTINGS.PORT.schema.parse(undefined)}`;
  return { url: found.replace(/\/+$/, ''), mongoUrl };
}

function rulesOf(environment: NodeJS.ProcessEnv): TierRules {
  const read = (name: 'TIER_2_MIN_EVENTS' | 'TIER_2_MIN_DAYS' | 'TIER_3_MIN_EVENTS' | 'TIER_3_MIN_DAYS'): number =>
    SETTINGS[name].schema.parse(environment[name] || undefined);
  return {
    tier2: { minEvents: read('TIER_2_MIN_EVENTS'), minDays: read('TIER_2_MIN_DAYS') },
    tier3: { minEvents: read('TIER_3_MIN_EVENTS'), minDays: read('TIER_3_MIN_DAYS') },
  };
}
