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
  --seed N             which day is played (default 1)
  --events N           events that count in the end (default 20000)
  --resend-percent P   share of all requests that are sent twice (default 0)
  --url URL            the API (default: that of the running npm start, else http://localhost:$PORT)
  --env live|test      environment of the keys (default live)
  --concurrency N      requests at once (default ${CONCURRENCY_PER_CORE} per core)`;

const optionsSchema = z.object({
  seed: z.coerce.number().int().min(0).default(1),
  events: z.coerce.number().int().min(1).max(MAX_EVENTS).default(20_000),
  'resend-percent': z.coerce.number().min(0).max(100).default(0),
  url: z.url({ protocol: /^https?$/ }).optional(),
  env: z.enum(['live', 'test']).default('live'),
  concurrency: z.coerce.number().int().min(1).max(MAX_CONCURRENCY).optional(),
});

/** How the demo was asked to run, and where the system is. */
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

/** Reads the arguments; null when help was asked for. Throws one readable message. */
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
    ...whereItRuns(url, environment),
    concurrency: concurrency ?? CONCURRENCY_PER_CORE * availableParallelism(),
    rules: rulesOf(environment),
  };
}

/** The help text. */
export function usage(): string {
  return USAGE;
}

function whereItRuns(url: string | undefined, environment: NodeJS.ProcessEnv): { url: string; mongoUrl: string } {
  const stack = readStackFile(dataDirOf(environment));
  const mongoUrl = environment['MONGO_URL'] || stack?.mongoUrl;
  if (!mongoUrl) {
    throw new Error('No running system was found. Start it with `npm start`, or give MONGO_URL, REDIS_URL and --url.');
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
