import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readConfig } from '../../../shared/config/config';
import { FORCED_EXIT_SLACK_MS } from '../../../shared/process/lifecycle';
import { SETTINGS } from '../../../shared/config/settings';
import { interpolate } from '../../support/compose';

const ROOT = join(__dirname, '..', '..', '..');
/** A secret of realistic length. */
const SECRET = 's'.repeat(64);

interface Service {
  image?: string;
  restart?: string;
  init?: boolean;
  mem_limit?: string;
  logging?: { options: Record<string, string> };
  stop_grace_period?: string;
  build?: { dockerfile: string };
  command?: string[];
  environment?: Record<string, string | number>;
  ports?: string[];
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  volumes?: string[];
  profiles?: string[];
}

const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<'migrate' | 'api' | 'worker' | 'mongo' | 'queue' | 'cache' | 'prometheus' | 'grafana', Service>;
  volumes: Record<string, null>;
};
const dockerfile = readFileSync(join(ROOT, 'deploy', 'Dockerfile'), 'utf8');
const { services } = compose;
const own = [services.api, services.worker];
const mirs = [services.migrate, ...own];

function environmentOf({ environment = {} }: Service, env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).map(([name, text]) => [name, interpolate(String(text), env)]));
}

/** Returns the value of a command-line option. */
function optionOf({ command = [] }: Service, name: string): string | undefined {
  return command[command.indexOf(name) + 1];
}

/** Returns the source file of every `dist/….js` path in a text. */
function entrySources(text: string): string[] {
  return [...text.matchAll(/dist\/([\w/-]+)\.js/g)].map(([, path]) => `${path}.ts`);
}

describe('docker-compose.yml', () => {
  it('sets only environment variables that are MIR settings', () => {
    const names = mirs.flatMap(({ environment = {} }) => Object.keys(environment));
    expect(names.filter((name) => !Object.hasOwn(SETTINGS, name))).toEqual([]);
    expect(names.length).toBeGreaterThan(0);
  });

  it('pins every image that it does not build by version and digest', () => {
    const given = Object.values(services).flatMap(({ image }) => (image === 'mir:local' ? [] : (image ?? [])));
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect([given.length, bases.length]).toEqual([5, 2]);
    for (const image of [...given, ...bases]) expect(image).toMatch(/^[\w./-]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}$/);
    expect(new Set(bases).size).toBe(1);
  });

  it('configures both processes for production when only the secrets are set', () => {
    for (const service of own) {
      const config = readConfig(environmentOf(service, { SUBJECT_PEPPER: SECRET, ADMIN_TOKEN: SECRET }));
      expect(config).toMatchObject({ production: true, subjectPepper: SECRET });
      expect(config.cacheRedisUrl).not.toBe(config.redisUrl);
    }
  });

  it('does not start without its secrets', () => {
    expect(() => environmentOf(services.api, { SUBJECT_PEPPER: SECRET })).toThrow('ADMIN_TOKEN');
    for (const service of own) expect(() => environmentOf(service, { ADMIN_TOKEN: SECRET })).toThrow('SUBJECT_PEPPER');
  });

  it('waits until every store named in the URLs is healthy', () => {
    for (const service of own) {
      const env = environmentOf(service, { SUBJECT_PEPPER: SECRET, ADMIN_TOKEN: SECRET });
      const hosts = [env['MONGO_URL'], env['REDIS_URL'], env['CACHE_REDIS_URL']].map((url) => new URL(url!).hostname);
      expect(hosts).toEqual(['mongo', 'queue', 'cache']);
      for (const host of hosts) expect(service.depends_on?.[host]).toEqual({ condition: 'service_healthy' });
    }
    for (const { healthcheck } of [services.mongo, services.queue, services.cache]) expect(healthcheck).toBeDefined();
  });

  it('quotes commands and health checks, so that YAML reads each argument as a string', () => {
    const given = Object.values(services).flatMap(({ command = [], healthcheck }) => [
      command,
      healthcheck?.test ?? [],
    ]);
    const types = given.flat().map((argument) => typeof argument);
    expect([...new Set(types)]).toEqual(['string']);
  });

  it('migrates the database once before any MIR process starts', () => {
    expect(services.migrate.command).toEqual(['mir', 'migrate', 'apply']);
    expect(services.migrate.restart).toBe('no');
    expect(Object.keys(services.migrate.depends_on!)).toEqual(['mongo', 'queue', 'cache']);
    for (const { depends_on } of own)
      expect(depends_on!['migrate']).toEqual({ condition: 'service_completed_successfully' });
  });

  it('persists the queue and never evicts its keys, but lets the cache evict keys', () => {
    expect(optionOf(services.queue, '--maxmemory-policy')).toBe('noeviction');
    expect(optionOf(services.queue, '--appendonly')).toBe('yes');
    expect(optionOf(services.queue, '--maxmemory')).toMatch(/^\d+[mg]b$/);
    expect(optionOf(services.cache, '--maxmemory-policy')).toBe('allkeys-lru');
    expect(optionOf(services.cache, '--appendonly')).toBe('no');
    expect(optionOf(services.cache, '--save')).toBe('');
    expect(optionOf(services.cache, '--maxmemory')).toMatch(/^\d+[mg]b$/);
  });

  it('uses the MongoDB health check to initiate the replica set named in the URL', () => {
    const url = new URL(String(services.api.environment?.['MONGO_URL']));
    const set = url.searchParams.get('replicaSet');
    expect(optionOf(services.mongo, '--replSet')).toBe(set);
    expect(services.mongo.healthcheck?.test.join(' ')).toContain(`rs.initiate({ _id: '${set}'`);
  });

  it('publishes only the API port, and stores persistent data in named volumes', () => {
    const published = Object.entries(services).filter(([, { ports, profiles }]) => ports && !profiles);
    expect(published.map(([name]) => name)).toEqual(['api']);
    expect(services.api.ports?.map((port) => port.split(':').at(-1))).toEqual([
      String(services.api.environment?.['PORT']),
    ]);
    const mounted = Object.values(services)
      .flatMap(({ volumes = [] }) => volumes.map((one) => one.split(':')[0]!))
      .filter((name) => !name.startsWith('./'));
    expect(new Set(mounted)).toEqual(new Set(Object.keys(compose.volumes)));
  });

  it('starts Prometheus and Grafana only with their profile, on loopback, from files that exist', () => {
    const profiled = Object.entries(services).filter(([, { profiles }]) => profiles);
    expect(profiled.map(([name, { profiles }]) => [name, profiles])).toEqual([
      ['prometheus', ['observability']],
      ['grafana', ['observability']],
    ]);
    for (const [, { ports = [], volumes = [] }] of profiled) {
      expect(ports.every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
      const files = volumes.map((one) => one.split(':')).filter(([name]) => name!.startsWith('./'));
      expect(files.length).toBeGreaterThan(0);
      expect(files.filter(([path, , mode]) => mode !== 'ro' || !existsSync(join(ROOT, path!)))).toEqual([]);
    }
  });

  it('gives everyone read-only access to Grafana and disables login', () => {
    expect(services.grafana.environment).toMatchObject({
      GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
      GF_AUTH_BASIC_ENABLED: 'false',
      GF_AUTH_DISABLE_LOGIN_FORM: 'true',
    });
  });

  it("scrapes the processes' metrics ports and provisions Grafana with Prometheus and the dashboards", () => {
    const read = (file: string): unknown => parse(readFileSync(join(ROOT, 'deploy', file), 'utf8'));
    const { scrape_configs } = read('prometheus/prometheus.yml') as {
      scrape_configs: { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }[];
    };
    const scraped = scrape_configs.map((job) => [
      job.job_name,
      job.dns_sd_configs[0]!.names,
      job.dns_sd_configs[0]!.port,
    ]);
    expect(scraped).toEqual([
      ['mir-api', ['api'], services.api.environment?.['METRICS_PORT']],
      ['mir-worker', ['worker'], services.worker.environment?.['WORKER_PORT']],
    ]);
    const source = read('grafana/provisioning/datasources/prometheus.yml') as {
      datasources: { url: string; uid: string }[];
    };
    expect(source.datasources).toMatchObject([{ url: 'http://prometheus:9090', uid: 'mir-prometheus' }]);
    const provider = read('grafana/provisioning/dashboards/mir.yml') as { providers: { options: { path: string } }[] };
    const mounts = services.grafana.volumes!.map((one) => one.split(':')[1]);
    expect(mounts).toContain(provider.providers[0]!.options.path);
  });

  it('is reachable only from this machine by default', () => {
    expect(services.api.ports!.map((port) => interpolate(port, {}))).toEqual(['127.0.0.1:3000:3000']);
    expect(services.api.ports!.map((port) => interpolate(port, { BIND_ADDRESS: '0.0.0.0', PORT: '80' }))).toEqual([
      '0.0.0.0:80:3000',
    ]);
  });

  it('listens on all interfaces inside the container, regardless of the address on which the port is published', () => {
    for (const service of own) {
      const env = { SUBJECT_PEPPER: SECRET, ADMIN_TOKEN: SECRET, BIND_ADDRESS: '127.0.0.1' };
      expect(service.environment).toHaveProperty('BIND_ADDRESS');
      expect(readConfig(environmentOf(service, env)).bindAddress).toBeNull();
    }
  });

  it('limits the memory and log size of every container', () => {
    for (const service of Object.values(services)) {
      expect(service.mem_limit).toMatch(/^\d+[mg]$/);
      expect(service.logging?.options).toEqual({ 'max-size': expect.any(String), 'max-file': expect.any(String) });
    }
    const bytes = (text: string): number => Number.parseInt(text) * (text.includes('g') ? 1_024 : 1);
    for (const store of [services.queue, services.cache]) {
      expect(bytes(store.mem_limit!)).toBeGreaterThan(1.4 * bytes(optionOf(store, '--maxmemory')!));
    }
  });

  it('allows a process more time to stop than it needs to drain', () => {
    for (const { stop_grace_period, environment, init } of own) {
      const { drainTimeoutMs } = readConfig(
        environmentOf({ environment: environment! }, { SUBJECT_PEPPER: SECRET, ADMIN_TOKEN: SECRET }),
      );
      expect(Number.parseInt(stop_grace_period!) * 1_000).toBeGreaterThan(drainTimeoutMs + FORCED_EXIT_SLACK_MS);
      expect(init).toBe(true);
    }
  });

  it('builds from a Dockerfile and starts entry files that exist in the repository', () => {
    for (const { build } of mirs) expect(existsSync(join(ROOT, build!.dockerfile))).toBe(true);
    const entries = entrySources([...mirs.flatMap(({ command = [] }) => command), dockerfile].join(' '));
    expect(entries).toEqual(expect.arrayContaining(['workers/main.ts', 'api/main.ts', 'deploy/cli/main.ts']));
    expect(entries.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

describe('deploy/Dockerfile', () => {
  it('copies only files that exist and are not ignored, and runs as a non-root user', () => {
    const ignore = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
    const copied = [...dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm)].flatMap(([, files]) => files!.split(' '));
    expect(copied.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    expect(copied.filter((file) => !ignore.includes(`!${file}`))).toEqual([]);
    // Later lines take precedence, so the exclusions must follow the line that includes their folder.
    for (const secret of ['deploy/k8s', '**/*.env']) {
      expect(ignore.indexOf(secret)).toBeGreaterThan(ignore.indexOf('!deploy'));
    }
    expect(dockerfile).toMatch(/^USER node$/m);
  });

  it('pins a supported version of Node.js in every stage', () => {
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect(new Set(bases).size).toBe(1);
    expect(bases[0]).toMatch(/^node:2[2-9]\.\d+\.\d+-/);
  });
});
