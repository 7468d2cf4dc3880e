import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../../../shared/config/config';
import { FORCED_EXIT_SLACK_MS } from '../../../shared/process/lifecycle';
import { createMetrics } from '../../../shared/metrics/metrics';
import { EVENT_QUEUES } from '../../../shared/queue/event-chunk';
import { SETTINGS } from '../../../shared/config/settings';

const ROOT = join(__dirname, '..', '..', '..');
const K8S = join(ROOT, 'deploy', 'k8s');
const SECRET = 's'.repeat(64);

// oxlint-disable-next-line typescript/no-explicit-any -- reads manifests as kubectl does, without our types
type Manifest = any;

const documents = (text: string): Manifest[] => parseAllDocuments(text).map((document) => document.toJS());
const file = (path: string): Manifest[] => documents(readFileSync(join(K8S, path), 'utf8'));
const api = file('base/api.yaml');
const worker = file('base/worker.yaml');
const [job] = file('migrate/job.yaml');
const [config] = file('base/config.yaml');
const [cronJob] = file('backup/cron-job.yaml');
const pods: [string, Manifest][] = [api[0], worker[0], job].map((one) => [one.metadata.name, one.spec.template]);
pods.push([cronJob.metadata.name, cronJob.spec.jobTemplate.spec.template]);
const containerOf = (template: Manifest): Manifest => template.spec.containers[0];

/** Returns the `NAME=value` lines of the example secrets, with the missing values filled in. */
function secretsOf(text: string): string {
  return text.replaceAll(/^(SUBJECT_PEPPER|ADMIN_TOKEN)=$/gm, `$1=${SECRET}`);
}
const secrets = secretsOf(readFileSync(join(K8S, 'overlays/example/secrets.env.example'), 'utf8'));
const secretPairs = Object.fromEntries(
  [...secrets.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
);

/** The settings that the example overlay adds to the base. */
const overlaySettings = parse(file('overlays/example/kustomization.yaml')[0].patches[0].patch).data as Record<
  string,
  string
>;

describe('Kubernetes manifests', () => {
  it.each(pods)(
    'runs %s as a non-root user with a read-only file system, limited memory, and no privileges or token',
    (_name, template) => {
      expect(template.spec).toMatchObject({
        automountServiceAccountToken: false,
        serviceAccountName: 'mir',
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      });
      const { securityContext, resources } = containerOf(template);
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(resources).toMatchObject({ requests: { cpu: expect.anything(), memory: expect.anything() } });
      expect(resources.limits).toEqual({ memory: expect.anything() });
    },
  );

  it.each(pods)('starts %s from a program in the image, with all settings and secrets', (_name, template) => {
    const { args, envFrom } = containerOf(template);
    const [program] = /dist\/[\w/-]+\.js/.exec(args.join(' ')) ?? [''];
    expect(existsSync(join(ROOT, program.replace(/^dist\//, '').replace(/\.js$/, '.ts')))).toBe(true);
    expect(envFrom).toEqual([{ configMapRef: { name: 'mir-config' } }, { secretRef: { name: 'mir-secrets' } }]);
  });

  it('provides valid production settings through a ConfigMap and a Secret', () => {
    const env = { ...config.data, ...overlaySettings, ...secretPairs };
    expect(Object.keys(env).filter((name) => !(name in SETTINGS))).toEqual([]);
    const read = readConfig(env);
    expect(read).toMatchObject({ production: true, adminToken: SECRET, subjectPepper: SECRET });
    expect(read.cacheRedisUrl).not.toBe(read.redisUrl);
    // Probes, services and Prometheus connect to the pod's own address. Network policies restrict access to it.
    expect(read.bindAddress).toBeNull();
    for (const name of ['SUBJECT_PEPPER', 'ADMIN_TOKEN', 'MONGO_URL', 'REDIS_URL', 'CACHE_REDIS_URL', 'SMTP_URL']) {
      expect(config.data).not.toHaveProperty(name);
    }
  });

  it('uses the ports from the settings for containers and probes', () => {
    const portsOf = (template: Manifest) =>
      Object.fromEntries(containerOf(template).ports.map((port: Manifest) => [port.name, String(port.containerPort)]));
    expect(portsOf(pods[0]![1])).toEqual({ http: config.data.PORT, metrics: config.data.METRICS_PORT });
    expect(portsOf(pods[1]![1])).toEqual({ ops: config.data.WORKER_PORT });
    for (const [, template] of pods.slice(0, 2)) {
      const { livenessProbe, readinessProbe, startupProbe, ports } = containerOf(template);
      expect([livenessProbe, startupProbe, readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
        '/healthz',
        '/healthz',
        '/readyz',
      ]);
      expect(readinessProbe.httpGet.port).toBe(ports[0].name);
    }
  });

  it('lets Prometheus discover every process, ready or not, under the job names used in rules and dashboards', () => {
    const scrape = parse(readFileSync(join(ROOT, 'deploy/prometheus/kubernetes.yml'), 'utf8'));
    const scraped = scrape.scrape_configs.map(({ job_name, dns_sd_configs: [{ names, port }] }: Manifest) => [
      job_name,
      names,
      port,
    ]);
    expect(scraped).toEqual([
      ['mir-api', ['mir-api-metrics.mir.svc'], Number(config.data.METRICS_PORT)],
      ['mir-worker', ['mir-worker.mir.svc'], Number(config.data.WORKER_PORT)],
    ]);
    const services = [...api, ...worker].filter(({ kind }) => kind === 'Service');
    for (const [, [name], port] of scraped) {
      const { spec } = services.find(({ metadata }) => `${metadata.name}.mir.svc` === name);
      expect(spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true, ports: [{ port }] });
    }
  });

  it('allows egress only for DNS, stores, traces, OIDC from the API, and webhooks and email from workers', () => {
    const policies = file('base/network.yaml');
    const out = (name: string): Manifest => policies.find(({ metadata }) => metadata.name === name).spec.egress;
    const named = ['MONGO_URL', 'REDIS_URL', 'CACHE_REDIS_URL'].flatMap((name) =>
      [...secretPairs[name]!.matchAll(/svc:(\d+)/g)].map(([, port]) => Number(port)),
    );
    expect(new Set(named)).toEqual(new Set(out('mir-stores-out')[1].ports.map(({ port }: Manifest) => port)));
    expect(out('mir-stores-out')[0].ports).toEqual(['UDP', 'TCP'].map((protocol) => ({ protocol, port: 53 })));
    expect(SETTINGS.OTEL_EXPORTER_OTLP_ENDPOINT.meaning).toContain(`:${out('mir-traces-out')[0].ports[0].port}\``);
    const [outside] = out('mir-worker-out');
    expect(outside.ports).toEqual([{ protocol: 'TCP' }]);
    expect(out('mir-api-out')).toEqual([{ to: outside.to, ports: [{ protocol: 'TCP', port: 443 }] }]);
    for (const cidr of ['10.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16']) {
      expect(outside.to[0].ipBlock.except).toContain(cidr);
    }
  });

  it('allows a process more time to stop than it needs to drain', () => {
    const { shutdownDelayMs, drainTimeoutMs } = readConfig({
      ...config.data,
      ...overlaySettings,
      ...secretPairs,
    });
    const drainSeconds = (shutdownDelayMs + drainTimeoutMs + FORCED_EXIT_SLACK_MS) / 1_000;
    for (const [, { spec }] of pods.slice(0, 2)) {
      const before = Number(spec.containers[0].lifecycle?.preStop.exec.command[1] ?? 0);
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(drainSeconds + before);
    }
  });

  it('scales workers with only one autoscaler, on the age of the oldest job in each lane', () => {
    const [{ spec }] = file('keda/worker-scaledobject.yaml');
    const { registry } = createMetrics('worker');
    const queues = spec.triggers.map(({ metadata, metricType }: Manifest) => {
      const [, series, queue] = /^max\((mir_\w+)\{queue="([\w-]+)"\}\)$/.exec(metadata.query) ?? [];
      expect(registry.getSingleMetric(series!)).toBeDefined();
      expect(metricType).toBe('Value');
      return queue;
    });
    expect(queues).toEqual([EVENT_QUEUES.interactive.name, EVENT_QUEUES.bulk.name]);
    expect(spec.scaleTargetRef.name).toBe(worker[0].metadata.name);
    expect(readFileSync(join(K8S, 'keda/kustomization.yaml'), 'utf8')).toContain('$patch: delete');
  });

  it('adds workers before a lane misses its objective: freshness, or the age at which its backlog pages', () => {
    const [{ spec }] = file('keda/worker-scaledobject.yaml');
    const [interactive, bulk] = spec.triggers.map(({ metadata }: Manifest) => Number(metadata.threshold));
    const rules = (name: string): string => readFileSync(join(ROOT, 'deploy/prometheus/rules', name), 'utf8');
    const [, freshnessSeconds] = /mir_freshness_seconds_bucket\{le=~"(\d+)\|/.exec(rules('objectives.yml')) ?? [];
    expect(2 * interactive).toBe(Number(freshnessSeconds));
    const [alert] = parse(rules('alerts.yml')).groups[0].rules;
    const [, pagedSeconds] = /^max by \(queue\) \(mir_queue_oldest_waiting_seconds\) > (\d+)$/.exec(alert.expr) ?? [];
    expect(2 * bulk).toBe(Number(pagedSeconds));
    // At twice the threshold, the number of workers doubles every minute.
    const { policies } = spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp;
    expect(policies).toEqual([{ type: 'Percent', value: 100, periodSeconds: 60 }]);
    const minutesToMaximum = Math.log2(spec.maxReplicaCount / spec.minReplicaCount);
    expect(minutesToMaximum).toBeLessThan(Number.parseInt(alert.for));
  });

  it('reads secrets from a file that git ignores', () => {
    expect(readFileSync(join(ROOT, '.gitignore'), 'utf8')).toContain('secrets.env\n');
    expect(existsSync(join(K8S, 'overlays/example/secrets.env'))).toBe(false);
    expect(readFileSync(join(K8S, 'overlays/example/secrets.env.example'), 'utf8')).toMatch(/^SUBJECT_PEPPER=$/m);
  });
});
