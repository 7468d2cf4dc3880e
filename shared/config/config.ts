import { messageOf } from '../errors';
import { type Logo, readLogo } from './logo';
import { missingOperatorSettings, type OperatorConfig, operatorOf } from './operator';
import { clusterUrl, parseRedisUrl } from './redis-url';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { TierRules } from '../domain/tier';
import { type QueueDurability, SETTINGS, type SettingName } from './settings';
import type { TracingSettings } from '../tracing/tracing';

/** Thrown when settings are invalid. The message lists every problem. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(
      `MIR cannot start: ${problems.length} setting${problems.length === 1 ? ' is' : 's are'} invalid.\n` +
        problems.map((problem) => `  - ${problem}`).join('\n') +
        '\nSettings are environment variables. See deploy/docs/settings.md for all of them.',
    );
    this.name = 'SettingsError';
  }
}

/** How MIR delivers emails to people. If `off`, the pages for people are also off. */
export type MailConfig = { kind: 'smtp'; url: string; from: string } | { kind: 'outbox' } | { kind: 'off' };

/** An OpenID Connect provider that people can log in with, in addition to email and password. */
interface OidcConfig {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** The provider's name as shown to people. */
  name: string;
}

export interface Config {
  production: boolean;
  port: number;
  metricsPort: number;
  metricsOnPublicPort: boolean;
  workerPort: number;
  /** An IP address or `localhost`. Null means all interfaces. */
  bindAddress: string | null;
  publicUrl: string;
  mail: MailConfig;
  operator: OperatorConfig;
  /** The operator's logo. Null if pages show MIR's. */
  logo: Logo | null;
  oidc: OidcConfig | null;
  mongoUrl: string;
  redisUrl: string;
  cacheRedisUrl: string;
  redisTimeoutMs: number;
  keyspace: string;
  dataDir: string;
  adminToken: string | null;
  subjectPepper: string;
  queueDurability: QueueDurability;
  maxQueuedBytes: number;
  eventQueueShards: number;
  maxRedisMemoryPercent: number;
  eventWorkerConcurrency: number;
  defaultLimits: { eventsPerMinute: number; requestsPerMinute: number };
  tierRules: TierRules;
  catalogFile: string | null;
  signalsTtlSeconds: number;
  webhooksToPrivateAddresses: boolean;
  trustProxyHops: number;
  /** Null turns tracing off. */
  tracing: TracingSettings | null;
  logLevel: string;
  accessLog: boolean;
  shutdownDelayMs: number;
  drainTimeoutMs: number;
}

/** Derives a pepper from the database URL, so that development works without any settings. */
function developmentPepper(mongoUrl: string): string {
  return createHash('sha256').update(`mir development pepper for ${mongoUrl}`).digest('hex');
}

/** Returns whether the pepper is derived from `MONGO_URL` because none was set. */
export function usesDevelopmentPepper({
  subjectPepper,
  mongoUrl,
}: Pick<Config, 'subjectPepper' | 'mongoUrl'>): boolean {
  return subjectPepper === developmentPepper(mongoUrl);
}

/** Reads and validates the settings. Throws a SettingsError that lists every problem and how to fix it. */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const shape = Object.fromEntries(Object.entries(SETTINGS).map(([name, { schema }]) => [name, schema])) as {
    [Name in SettingName]: (typeof SETTINGS)[Name]['schema'];
  };
  const given = Object.fromEntries(
    Object.keys(SETTINGS).flatMap((name) => {
      const value = env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const parsed = z.object(shape).safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => {
        const name = String(issue.path[0]);
        return name in given ? `${name}: ${issue.message}` : `${name}: is required. ${describe(name)}`;
      });
  const production = given['NODE_ENV'] === 'production';
  if (production && !given['SUBJECT_PEPPER']) {
    problems.push(
      'SUBJECT_PEPPER: is required in production. Generate one with `openssl rand -hex 32` and never change it.',
    );
  }
  if (given['SMTP_URL'] && !given['MAIL_FROM']) {
    problems.push(
      'MAIL_FROM: is required with SMTP_URL. Set the sender of emails, for example `MIR <mir@example.org>`.',
    );
  }
  if (production && given['SMTP_URL']) problems.push(...missingOperatorSettings(given));
  if (parsed.success) problems.push(...oidcProblems(parsed.data));
  if (parsed.success && parsed.data.REDIS_CLUSTER) problems.push(...clusterProblems(parsed.data.REDIS_URL));
  if (parsed.success && tierRulesOf(parsed.data).tier3.minEvents < parsed.data.TIER_2_MIN_EVENTS) {
    problems.push('TIER_3_MIN_EVENTS: must not be less than TIER_2_MIN_EVENTS');
  }
  if (parsed.success && parsed.data.TIER_3_MIN_DAYS < parsed.data.TIER_2_MIN_DAYS) {
    problems.push('TIER_3_MIN_DAYS: must not be less than TIER_2_MIN_DAYS');
  }
  let logo: Logo | null = null;
  try {
    if (given['LOGO_FILE'] !== undefined) logo = readLogo(given['LOGO_FILE']);
  } catch (error) {
    problems.push(`LOGO_FILE: ${messageOf(error)}`);
  }
  if (!parsed.success || problems.length > 0) throw new SettingsError(problems);
  const s = parsed.data;
  const redisUrl = s.REDIS_CLUSTER ? clusterUrl(s.REDIS_URL) : s.REDIS_URL;
  return {
    production: s.NODE_ENV === 'production',
    port: s.PORT,
    metricsPort: s.METRICS_PORT,
    metricsOnPublicPort: s.METRICS_ON_PUBLIC_PORT,
    workerPort: s.WORKER_PORT,
    bindAddress: s.BIND_ADDRESS ?? null,
    publicUrl: s.PUBLIC_URL.replace(/\/+$/, ''),
    mail: mailOf(s),
    operator: operatorOf(s),
    logo,
    oidc: oidcOf(s),
    mongoUrl: s.MONGO_URL,
    redisUrl,
    cacheRedisUrl: s.CACHE_REDIS_URL ?? redisUrl,
    redisTimeoutMs: s.REDIS_TIMEOUT_MS,
    keyspace: s.KEYSPACE,
    dataDir: s.DATA_DIR,
    adminToken: s.ADMIN_TOKEN ?? null,
    subjectPepper: s.SUBJECT_PEPPER ?? developmentPepper(s.MONGO_URL),
    queueDurability: s.QUEUE_DURABILITY,
    maxQueuedBytes: s.MAX_QUEUED_BYTES,
    eventQueueShards: s.EVENT_QUEUE_SHARDS,
    maxRedisMemoryPercent: s.MAX_REDIS_MEMORY_PERCENT,
    eventWorkerConcurrency: s.EVENT_WORKER_CONCURRENCY,
    defaultLimits: {
      eventsPerMinute: s.DEFAULT_EVENTS_PER_MINUTE,
      requestsPerMinute: s.DEFAULT_REQUESTS_PER_MINUTE,
    },
    tierRules: tierRulesOf(s),
    catalogFile: s.CATALOG_FILE ?? null,
    signalsTtlSeconds: s.SIGNALS_TTL_SECONDS,
    webhooksToPrivateAddresses: s.WEBHOOKS_TO_PRIVATE_ADDRESSES,
    trustProxyHops: s.TRUST_PROXY_HOPS,
    tracing:
      s.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? null
        : { endpoint: s.OTEL_EXPORTER_OTLP_ENDPOINT, ratio: s.OTEL_TRACES_SAMPLER_ARG },
    logLevel: s.LOG_LEVEL,
    accessLog: s.ACCESS_LOG,
    shutdownDelayMs: s.SHUTDOWN_DELAY_MS,
    drainTimeoutMs: s.DRAIN_TIMEOUT_MS,
  };
}

function clusterProblems(url: string): string[] {
  try {
    parseRedisUrl(clusterUrl(url));
    return [];
  } catch (error) {
    return [`REDIS_URL: ${messageOf(error)}`];
  }
}

const LOCAL_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Returns whether the URL's host is this machine. */
export function isLocalUrl(url: string): boolean {
  return LOCAL_HOSTS.has(new URL(url).hostname);
}

/** Enables the outbox only on a local deployment, because the outbox shows every email to anyone on the machine. */
function mailOf(s: {
  NODE_ENV: string;
  PUBLIC_URL: string;
  SMTP_URL?: string | undefined;
  MAIL_FROM?: string | undefined;
}): MailConfig {
  if (s.SMTP_URL && s.MAIL_FROM) return { kind: 'smtp', url: s.SMTP_URL, from: s.MAIL_FROM };
  const isLocal = s.NODE_ENV !== 'production' && isLocalUrl(s.PUBLIC_URL);
  return { kind: isLocal ? 'outbox' : 'off' };
}

interface OidcSettings {
  OIDC_ISSUER?: string | undefined;
  OIDC_CLIENT_ID?: string | undefined;
  OIDC_CLIENT_SECRET?: string | undefined;
  OIDC_NAME?: string | undefined;
}

function oidcProblems({ OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET }: OidcSettings): string[] {
  const given = { OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET };
  if (Object.values(given).every((value) => value === undefined)) return [];
  const missing = Object.entries(given).filter(([, value]) => value === undefined);
  const problems = missing.map(([name]) => `${name}: is required with the other OIDC settings`);
  const issuer = OIDC_ISSUER === undefined ? null : new URL(OIDC_ISSUER);
  if (issuer?.protocol === 'http:' && !LOCAL_HOSTS.has(issuer.hostname)) {
    problems.push('OIDC_ISSUER: must use https, because an attacker could forge logins over plain http');
  }
  return problems;
}

function oidcOf({ OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_NAME }: OidcSettings): OidcConfig | null {
  if (!OIDC_ISSUER || !OIDC_CLIENT_ID || !OIDC_CLIENT_SECRET) return null;
  const issuer = OIDC_ISSUER.replace(/\/+$/, '');
  return {
    issuer,
    clientId: OIDC_CLIENT_ID,
    clientSecret: OIDC_CLIENT_SECRET,
    name: OIDC_NAME ?? new URL(issuer).host,
  };
}

function describe(name: string): string {
  return (SETTINGS as Record<string, { meaning: string } | undefined>)[name]?.meaning ?? 'See deploy/docs/settings.md.';
}

function tierRulesOf(s: {
  TIER_2_MIN_EVENTS: number;
  TIER_2_MIN_DAYS: number;
  TIER_3_MIN_EVENTS: number;
  TIER_3_MIN_DAYS: number;
}): TierRules {
  return {
    tier2: { minEvents: s.TIER_2_MIN_EVENTS, minDays: s.TIER_2_MIN_DAYS },
    tier3: { minEvents: s.TIER_3_MIN_EVENTS, minDays: s.TIER_3_MIN_DAYS },
  };
}
