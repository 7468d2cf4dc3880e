import { isIP } from 'node:net';
import { z } from 'zod';

const MIB = 1024 * 1024;
const port = z.coerce.number().int().min(0).max(65_535);
const positive = z.coerce.number().int().min(1);
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** One setting: how it is checked, what it is when unset, and what an operator should know of it. */
interface Setting<T extends z.ZodType> {
  schema: T;
  /** Shown in deploy/docs/settings.md; the schema's own default is the truth. */
  meaning: string;
}

const setting = <T extends z.ZodType>(schema: T, meaning: string): Setting<T> => ({ schema, meaning });

/** Every environment variable that MIR reads. `npm run docs:settings` writes them into deploy/docs/settings.md. */
export const SETTINGS = {
  NODE_ENV: setting(
    z.enum(['development', 'test', 'production']).default('development'),
    'In `production` a pepper and explicit store URLs are required.',
  ),
  PORT: setting(port.default(3000), 'Public port of the API.'),
  METRICS_PORT: setting(
    port.default(3100),
    "Port of the API's `/metrics`, kept off the public one. Under `npm start`, `PORT` + 100 unless given.",
  ),
  METRICS_ON_PUBLIC_PORT: setting(flag.default(false), 'Serve `/metrics` on `PORT` too.'),
  WORKER_PORT: setting(
    port.default(3200),
    "Port of a worker's `/healthz`, `/readyz` and `/metrics`. Under `npm start`, `PORT` + 200 and up unless given.",
  ),
  BIND_ADDRESS: setting(
    z
      .string()
      .refine((value) => value === 'localhost' || (isIP(value) !== 0 && !value.includes('%')), {
        error: 'must be an IP address without brackets, port or zone, such as 127.0.0.1 or ::, or localhost',
      })
      .optional(),
    'Address on which the API, its metrics and the workers listen: an IP address (`0.0.0.0` is all of IPv4, `::` all of IPv6 and IPv4), or `localhost` for both 127.0.0.1 and ::1. Default: all interfaces; under `npm start`, `localhost`.',
  ),
  PUBLIC_URL: setting(
    z.url({ protocol: /^https?$/ }).default('http://localhost:3000'),
    'Where the outside reaches the API: in mails, invites and the API reference. Forms are taken from this origin only.',
  ),
  SMTP_URL: setting(
    z
      .string()
      .regex(/^smtps?:\/\//, 'must start with smtp:// or smtps://')
      .optional(),
    'Mail server for mails to people, with user and password in it. Unset: on a laptop (a local `PUBLIC_URL`, not `production`) mails go to the page `/outbox`, which opens on the same machine only; elsewhere the pages for people are off.',
  ),
  MAIL_FROM: setting(
    z.string().regex(/@/, 'must be an address').optional(),
    'Sender of these mails: `MIR <mir@example.org>`. Required with `SMTP_URL`.',
  ),
  OIDC_ISSUER: setting(
    z.url({ protocol: /^https?$/ }).optional(),
    'OpenID Connect provider with which people may log in, too, e.g. `https://login.example.org/realms/main`. Its redirect URI is `<PUBLIC_URL>/login/oidc/callback`.',
  ),
  OIDC_CLIENT_ID: setting(z.string().min(1).optional(), 'What the provider knows MIR as. Required with `OIDC_ISSUER`.'),
  OIDC_CLIENT_SECRET: setting(
    z.string().min(1).optional(),
    'The secret that goes with it, sent as `client_secret_basic`. Required with `OIDC_ISSUER`.',
  ),
  OIDC_NAME: setting(
    z.string().min(1).max(60).optional(),
    'What people call the provider: `Go on with <name>`. Default: the host of `OIDC_ISSUER`.',
  ),
  MONGO_URL: setting(
    z.string().regex(/^mongodb(\+srv)?:\/\//, 'must start with mongodb:// or mongodb+srv://'),
    'MongoDB 7 or later, a replica set (transactions). With a database name in its path.',
  ),
  REDIS_URL: setting(
    z.string().regex(/^rediss?:\/\//, 'must start with redis:// or rediss://'),
    'Redis 7+ or Valkey 8+ for queues and security state: `noeviction`, AOF on.',
  ),
  CACHE_REDIS_URL: setting(
    z
      .string()
      .regex(/^rediss?:\/\//, 'must start with redis:// or rediss://')
      .optional(),
    'Redis for cached signals; may evict. Default: `REDIS_URL`.',
  ),
  REDIS_TIMEOUT_MS: setting(
    positive.max(10_000).default(450),
    'Milliseconds that a request waits for one answer of Redis. Two of them fit into the second after which overload is told.',
  ),
  KEYSPACE: setting(
    z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower-case letters, digits and dashes, at most 32')
      .default('mir'),
    'First part of every Redis key, so that two installations can share a server.',
  ),
  DATA_DIR: setting(z.string().min(1).default('.data'), 'Where `npm start` keeps its embedded stores.'),
  WORKERS: setting(positive.max(8).default(1), 'Worker processes that `npm start` runs.'),
  ADMIN_TOKEN: setting(
    z.string().min(32, 'needs at least 32 characters').optional(),
    'Header `x-admin-token` of the `/admin` routes (at least 32 characters). Unset: the routes are off.',
  ),
  SUBJECT_PEPPER: setting(
    z.string().min(32, 'needs at least 32 characters').optional(),
    'Secret of the keyed hash that hides user ids (at least 32 characters). Must never change for a store. Required in production.',
  ),
  QUEUE_DURABILITY: setting(
    z.enum(['everysec', 'fsync']).default('everysec'),
    '`everysec`: a 202 means the queue has the events, a power loss may cost about 1 s. `fsync`: a 202 waits for the fsync.',
  ),
  MAX_QUEUED_BYTES: setting(
    positive.default(256 * MIB),
    'Event payload bytes that may wait in the queue; beyond it `POST /v1/events` answers 503. Half of Redis `maxmemory` bounds it too.',
  ),
  MAX_REDIS_MEMORY_PERCENT: setting(
    positive.max(95).default(75),
    'Share of Redis `maxmemory` beyond which `POST /v1/events` answers 503.',
  ),
  EVENT_WORKER_CONCURRENCY: setting(positive.max(512).default(64), 'Event jobs that one worker holds at once.'),
  DEFAULT_EVENTS_PER_MINUTE: setting(
    positive.default(60_000),
    'Events a new partner may submit per minute and environment.',
  ),
  DEFAULT_REQUESTS_PER_MINUTE: setting(
    positive.default(6_000),
    'Other requests a new partner may make per minute and environment.',
  ),
  TIER_2_MIN_EVENTS: setting(positive.default(20), 'Events from which a history can be tier 2.'),
  TIER_2_MIN_DAYS: setting(positive.default(30), 'Days since the first event from which a history can be tier 2.'),
  TIER_3_MIN_EVENTS: setting(positive.default(100), 'Events from which a history can be tier 3.'),
  TIER_3_MIN_DAYS: setting(positive.default(180), 'Days since the first event from which a history can be tier 3.'),
  CATALOG_FILE: setting(
    z.string().min(1).optional(),
    'JSON file with the operator\'s own event types: `{"mir.category.action": "One sentence of meaning."}`.',
  ),
  SIGNALS_TTL_SECONDS: setting(
    positive.default(7 * 24 * 3600),
    'Seconds a cached signals row lives unread by a worker.',
  ),
  WEBHOOKS_TO_PRIVATE_ADDRESSES: setting(
    flag.default(false),
    'Send webhooks to private, loopback and other reserved addresses too, and over plain http. For a laptop only: it opens your network to partners. `npm start` turns it on while `PUBLIC_URL` is local and `NODE_ENV` is not `production`.',
  ),
  TRUST_PROXY_HOPS: setting(
    z.coerce.number().int().min(0).max(16).default(0),
    'Exact number of reverse proxies in front of the API.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    z.url({ protocol: /^https?$/ }).optional(),
    "Where an OpenTelemetry collector takes OTLP over HTTP, e.g. `http://collector:4318`. Unset: no tracing, at no cost. The SDK's other variables (headers, batches) apply.",
  ),
  OTEL_TRACES_SAMPLER_ARG: setting(
    z.coerce.number().min(0).max(1).default(1),
    'Share of the requests that are traced, 0 to 1, with all the jobs and commits that they cause.',
  ),
  LOG_LEVEL: setting(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    'Least severity that is logged (JSON lines on stdout).',
  ),
  DRAIN_TIMEOUT_MS: setting(
    positive.max(600_000).default(20_000),
    'Milliseconds that a stopping process gives its open requests and jobs.',
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
