import { isIP } from 'node:net';
import { z } from 'zod';
import { messageOf } from '../errors';
import { operatorContactSetting, operatorNameSetting, operatorPageSetting } from './operator';
import { parseRedisUrl } from './redis-url';

const MIB = 1024 * 1024;
const port = z.coerce.number().int().min(0).max(65_535);
const positive = z.coerce.number().int().min(1);
/** Maximum number of shards of the event queues. */
export const MAX_EVENT_SHARDS = 16;
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

const redisUrl = z.string().superRefine((url, context) => {
  try {
    parseRedisUrl(url);
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) });
  }
});

/** What accepted events survive. deploy/docs/production.md describes each mode. */
const QUEUE_DURABILITIES = ['everysec', 'fsync', 'replicated'] as const;
export type QueueDurability = (typeof QUEUE_DURABILITIES)[number];

/** A setting's validation, default and description. */
interface Setting<T extends z.ZodType> {
  schema: T;
  /** Shown in deploy/docs/settings.md, next to the default from `schema`. */
  meaning: string;
}

const setting = <T extends z.ZodType>(schema: T, meaning: string): Setting<T> => ({ schema, meaning });

/** Every environment variable that MIR reads. `npm run docs:settings` writes the table in deploy/docs/settings.md. */
export const SETTINGS = {
  NODE_ENV: setting(
    z.enum(['development', 'test', 'production']).default('development'),
    'In `production`, MIR requires `SUBJECT_PEPPER` and does not start while migrations are pending.',
  ),
  PORT: setting(port.default(3000), 'Public port of the API.'),
  METRICS_PORT: setting(
    port.default(3100),
    "Port for the API's `/metrics` endpoint. Defaults to `PORT` + 100 under `npm start`.",
  ),
  METRICS_ON_PUBLIC_PORT: setting(flag.default(false), 'Also serves `/metrics` on `PORT`.'),
  WORKER_PORT: setting(
    port.default(3200),
    "Port for a worker's `/healthz`, `/readyz` and `/metrics` endpoints. Under `npm start`, worker ports count up from `PORT` + 200 by default.",
  ),
  BIND_ADDRESS: setting(
    z
      .string()
      .refine((value) => value === 'localhost' || (isIP(value) !== 0 && !value.includes('%')), {
        error: 'must be an IP address without brackets, port or zone (such as 127.0.0.1 or ::), or localhost',
      })
      .optional(),
    'Address that the API, its metrics and the workers listen on: an IP address (`0.0.0.0` for all IPv4, `::` for all IPv6 and IPv4 interfaces) or `localhost` (both 127.0.0.1 and ::1). Defaults to all interfaces, or to `localhost` under `npm start`.',
  ),
  PUBLIC_URL: setting(
    z.url({ protocol: /^https?$/ }).default('http://localhost:3000'),
    'Public URL of the API, used in emails, invitations and the API reference. Forms are accepted only from this origin.',
  ),
  SMTP_URL: setting(
    z
      .string()
      .regex(/^smtps?:\/\//, 'must start with smtp:// or smtps://')
      .optional(),
    'URL of the mail server for emails to people, including the user name and password. If unset, a local deployment (local `PUBLIC_URL`, not `production`) shows emails on the `/outbox` page, which opens only on the same machine. On other deployments, the pages for people are off.',
  ),
  MAIL_FROM: setting(
    z.string().regex(/@/, 'must be an email address').optional(),
    'Sender of emails, for example `MIR <mir@example.org>`. Required with `SMTP_URL`.',
  ),
  OPERATOR_NAME: setting(
    operatorNameSetting,
    'Name of the person or organization that operates this server. Shown on pages, in emails, in the API reference and to partners. Required in production with `SMTP_URL`, like the next three settings.',
  ),
  OPERATOR_CONTACT: setting(
    operatorContactSetting,
    'Where people and partners reach the operator: an email address or an https URL. Shown in the same places, and in the errors that ask to contact the operator.',
  ),
  PRIVACY_URL: setting(operatorPageSetting, 'URL of the privacy policy. Pages link to it.'),
  TERMS_URL: setting(operatorPageSetting, 'URL of the terms of service. Pages and the API reference link to it.'),
  LOGO_FILE: setting(
    z.string().min(1).optional(),
    'Logo of the operator, an SVG or PNG file of at most 100 KiB. Pages show it instead of MIR’s, beside `OPERATOR_NAME`. It should be legible on a light and on a dark background at 22 pixels.',
  ),
  OIDC_ISSUER: setting(
    z.url({ protocol: /^https?$/ }).optional(),
    'OpenID Connect provider that people can log in with, for example `https://login.example.org/realms/main`. Register `<PUBLIC_URL>/login/oidc/callback` as the redirect URI.',
  ),
  OIDC_CLIENT_ID: setting(
    z.string().min(1).optional(),
    "MIR's client ID at the provider. Required with `OIDC_ISSUER`.",
  ),
  OIDC_CLIENT_SECRET: setting(
    z.string().min(1).optional(),
    'Client secret, sent as `client_secret_basic`. Required with `OIDC_ISSUER`.',
  ),
  OIDC_NAME: setting(
    z.string().min(1).max(60).optional(),
    'Name of the provider on the login button. Defaults to the host of `OIDC_ISSUER`.',
  ),
  MONGO_URL: setting(
    z.string().regex(/^mongodb(\+srv)?:\/\//, 'must start with mongodb:// or mongodb+srv://'),
    'MongoDB 7 or later, as a replica set. Include the database name in the path. `maxPoolSize` limits the connections of a process (default: 50, plus 16 for urgent operations of an API process).',
  ),
  REDIS_URL: setting(
    redisUrl,
    'Redis 7+ or Valkey 8+ for queues and security state, with `noeviction` and AOF. One server (`redis://host:6379`), several nodes of a Redis Cluster (`redis://host:6379,host:6379`), or the Sentinels of a primary (`redis+sentinel://host:26379,host:26379/mymaster`). `rediss` instead of `redis` uses TLS. See [scaling.md](scaling.md#redis).',
  ),
  REDIS_CLUSTER: setting(
    flag.default(false),
    'Set to `true` if `REDIS_URL` names only one node of a Redis Cluster, such as the configuration endpoint of a managed cluster.',
  ),
  CACHE_REDIS_URL: setting(
    redisUrl.optional(),
    'Redis for cached signals, in the same forms as `REDIS_URL` (`redis+cluster://host:6379` is one node of a cluster). May evict keys. Defaults to `REDIS_URL`.',
  ),
  REDIS_TIMEOUT_MS: setting(
    positive.max(10_000).default(450),
    'Milliseconds that a request waits for one Redis reply. MIR reports overload within one second, which allows for two such waits.',
  ),
  KEYSPACE: setting(
    z
      .string()
      .regex(
        /^[a-z][a-z0-9-]{0,31}$/,
        'must start with a letter and contain only lowercase letters, digits and dashes, at most 32 characters',
      )
      .default('mir'),
    'Prefix of every Redis key, so that two deployments can share a server.',
  ),
  DATA_DIR: setting(
    z.string().min(1).default('.data'),
    'Data folder of the MongoDB and Redis servers that `npm start` runs.',
  ),
  WORKERS: setting(positive.max(8).default(1), 'Number of worker processes that `npm start` runs.'),
  ADMIN_TOKEN: setting(
    z.string().min(32, 'must have at least 32 characters').optional(),
    'Value of the `x-admin-token` header for the `/admin` routes (at least 32 characters). If unset, the routes are off.',
  ),
  SUBJECT_PEPPER: setting(
    z.string().min(32, 'must have at least 32 characters').optional(),
    'Secret key for the hash that hides user IDs (at least 32 characters). Never change it for an existing database. Required in production.',
  ),
  QUEUE_DURABILITY: setting(
    z.enum(QUEUE_DURABILITIES).default('everysec'),
    'What accepted events survive. With `everysec`, MIR returns 202 once the events are queued, and a power failure or crash of Redis can lose 1–2 s of events. With `fsync`, MIR first waits until Redis has synced the events to disk. With `replicated`, MIR waits until a replica has synced them, too. See [production.md](production.md#what-can-be-lost).',
  ),
  MAX_QUEUED_BYTES: setting(
    positive.default(256 * MIB),
    'Maximum total size of queued event payloads in bytes. Above this limit, or above half of the Redis `maxmemory`, `POST /v1/events` returns 503.',
  ),
  EVENT_QUEUE_SHARDS: setting(
    positive.max(MAX_EVENT_SHARDS).default(1),
    'Number of shards of the event queues, each with its own Redis Cluster slots. A partner uses one of them, and each has an equal part of `MAX_QUEUED_BYTES`. On one Redis server, use 1. See [scaling.md](scaling.md#redis-cluster).',
  ),
  MAX_REDIS_MEMORY_PERCENT: setting(
    positive.max(95).default(75),
    'Percentage of the Redis `maxmemory` above which `POST /v1/events` returns 503.',
  ),
  EVENT_WORKER_CONCURRENCY: setting(
    positive.max(512).default(16),
    'Maximum number of full bulk jobs, each with 500 events, that one worker processes concurrently. Of smaller jobs, up to four times as many.',
  ),
  DEFAULT_EVENTS_PER_MINUTE: setting(
    positive.default(60_000),
    'Events that a new partner may submit per minute in each environment.',
  ),
  DEFAULT_REQUESTS_PER_MINUTE: setting(
    positive.default(6_000),
    'Other requests that a new partner may send per minute in each environment.',
  ),
  TIER_2_MIN_EVENTS: setting(positive.default(20), 'Minimum number of events for tier 2.'),
  TIER_2_MIN_DAYS: setting(positive.default(30), 'Minimum days since the first event for tier 2.'),
  TIER_3_MIN_EVENTS: setting(positive.default(100), 'Minimum number of events for tier 3.'),
  TIER_3_MIN_DAYS: setting(positive.default(180), 'Minimum days since the first event for tier 3.'),
  CATALOG_FILE: setting(
    z.string().min(1).optional(),
    'JSON file with your own event types: `{"mir.category.action": "One-sentence description."}`.',
  ),
  SIGNALS_TTL_SECONDS: setting(
    positive.default(7 * 24 * 3600),
    'Seconds after which a cached signals row expires if no worker refreshes it.',
  ),
  WEBHOOKS_TO_PRIVATE_ADDRESSES: setting(
    flag.default(false),
    'Also allows webhook endpoints with private, loopback and other reserved addresses, and with plain http. For development only, because it gives partners access to your internal network. `npm start` turns it on if `PUBLIC_URL` is local and `NODE_ENV` is not `production`.',
  ),
  TRUST_PROXY_HOPS: setting(
    z.coerce.number().int().min(0).max(16).default(0),
    'Exact number of reverse proxies in front of the API.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    z.url({ protocol: /^https?$/ }).optional(),
    'URL of an OpenTelemetry collector that accepts OTLP over HTTP, for example `http://collector:4318`. If unset, tracing is off. The other environment variables of the OpenTelemetry SDK, such as `OTEL_EXPORTER_OTLP_HEADERS`, also apply.',
  ),
  OTEL_TRACES_SAMPLER_ARG: setting(
    z.coerce.number().min(0).max(1).default(1),
    'Fraction of requests to trace, from 0 to 1. The traces include the jobs and commits that the requests cause.',
  ),
  LOG_LEVEL: setting(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    'Minimum severity to log. Logs are JSON lines on stdout.',
  ),
  ACCESS_LOG: setting(
    flag.default(false),
    'Logs one line per response of the API, regardless of `LOG_LEVEL`: request ID, route, method, status, problem code, duration and partner environment, but no user IDs, keys or query strings.',
  ),
  SHUTDOWN_DELAY_MS: setting(
    z.coerce.number().int().min(0).max(60_000).default(0),
    'Milliseconds for which a stopping API process still accepts requests while `/readyz` returns 503, so that a load balancer takes it out of rotation first. Set it to twice the interval of its health checks. On Kubernetes, the preStop hook does this.',
  ),
  DRAIN_TIMEOUT_MS: setting(
    positive.max(600_000).default(20_000),
    'Milliseconds that a stopping process waits for open requests and jobs.',
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
