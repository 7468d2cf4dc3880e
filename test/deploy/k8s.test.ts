import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { readConfig } from '../../shared/platform/config';
import { createMetrics } from '../../shared/platform/metrics';
import { SETTINGS } from '../../shared/platform/settings';
import { describeWithKubernetesTools, kubeconform, kustomize } from '../support/kubernetes';

const ROOT = join(__dirname, '..', '..');
const K8S = join(ROOT, 'deploy', 'k8s');
const SECRET = 's'.repeat(64);

// oxlint-disable-next-line typescript/no-explicit-any -- manifests are read as kubectl does: without our types
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

/** The lines `NAME=value` of the example of secrets, filled in. */
function secretsOf(text: string): string {
  return text.replaceAll(/^(SUBJECT_PEPPER|ADMIN_TOKEN)=$/gm, `$1=${SECRET}`);
}
const secrets = secretsOf(readFileSync(join(K8S, 'overlays/example/secrets.env.example'), 'utf8'));
const secretPairs = Object.fromEntries(
  [...secrets.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
);

describe('the manifests', () => {
  test.each(pods)(
    '%s runs as an ordinary user, on a read-only root, without rights, token or free memory',
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

  test.each(pods)('%s starts a program that the image has, with all settings and secrets', (_name, template) => {
    const { args, envFrom } = containerOf(template);
    const [program] = /dist\/[\w/-]+\.js/.exec(args.join(' ')) ?? [''];
    expect(existsSync(join(ROOT, program.replace(/^dist\//, '').replace(/\.js$/, '.ts')))).toBe(true);
    expect(envFrom).toEqual([{ configMapRef: { name: 'mir-config' } }, { secretRef: { name: 'mir-secrets' } }]);
  });

  test('what ConfigMap and Secret hold are settings, and together all that production needs', () => {
    const env = { ...config.data, ...secretPairs, MAIL_FROM: 'MIR <mir@example.org>' };
    expect(Object.keys(env).filter((name) => !(name in SETTINGS))).toEqual([]);
    const read = readConfig(env);
    expect(read).toMatchObject({ production: true, adminToken: SECRET, subjectPepper: SECRET });
    expect(read.cacheRedisUrl).not.toBe(read.redisUrl);
    for (const name of ['SUBJECT_PEPPER', 'ADMIN_TOKEN', 'MONGO_URL', 'REDIS_URL', 'CACHE_REDIS_URL', 'SMTP_URL']) {
      expect(config.data).not.toHaveProperty(name);
    }
  });

  test('probes and ports meet the ports that the settings name', () => {
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
      expect(template.metadata.annotations['prometheus.io/port']).toBe(String(ports.at(-1).containerPort));
    }
  });

  test('a pod is given longer to end than it takes to drain', () => {
    const drainSeconds = Number(config.data.DRAIN_TIMEOUT_MS) / 1_000;
    for (const [, { spec }] of pods.slice(0, 2)) {
      const before = Number(spec.containers[0].lifecycle?.preStop.exec.command[1] ?? 0);
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(drainSeconds + before);
    }
  });

  test('workers are scaled on a series that MIR has, and by one autoscaler alone', () => {
    const [scaled] = file('keda/worker-scaledobject.yaml');
    const [trigger] = scaled.spec.triggers;
    const [, series] = /max\((mir_\w+)\{queue="events"\}\)/.exec(trigger.metadata.query) ?? [];
    const { registry } = createMetrics('worker');
    expect(registry.getSingleMetric(series!)).toBeDefined();
    expect(scaled.spec.scaleTargetRef.name).toBe(worker[0].metadata.name);
    expect(readFileSync(join(K8S, 'keda/kustomization.yaml'), 'utf8')).toContain('$patch: delete');
  });

  test('no secret is in the tree: the overlay takes them from a file that git ignores', () => {
    expect(readFileSync(join(ROOT, '.gitignore'), 'utf8')).toContain('secrets.env\n');
    expect(existsSync(join(K8S, 'overlays/example/secrets.env'))).toBe(false);
    expect(readFileSync(join(K8S, 'overlays/example/secrets.env.example'), 'utf8')).toMatch(/^SUBJECT_PEPPER=$/m);
  });
});

describeWithKubernetesTools('kustomize and kubeconform', () => {
  const copy = mkdtempSync(join(tmpdir(), 'mir-k8s-'));
  cpSync(K8S, copy, { recursive: true });
  writeFileSync(join(copy, 'overlays/example/secrets.env'), secrets);
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test.each(['overlays/example', 'overlays/example/migrate', 'base'])(
    '%s builds and is valid, strictly',
    async (folder) => {
      const built = await kustomize(join(copy, folder));
      expect(documents(built).length).toBeGreaterThan(0);
      expect(await kubeconform(built)).toBe('');
    },
  );

  test('the example is whole: selectors find pods, one autoscaler each, secrets by their name, the image named once', async () => {
    const all = documents(await kustomize(join(copy, 'overlays/example')));
    const of = (kind: string): Manifest[] => all.filter((one) => one.kind === kind);
    const deployments = of('Deployment');
    const labels = deployments.map(({ spec }) => spec.template.metadata.labels);
    const finds = (selector: Manifest): number =>
      labels.filter((own) => Object.entries(selector).every(([name, value]) => own[name] === value)).length;
    for (const one of [...of('Service'), ...of('PodDisruptionBudget')]) {
      expect([one.metadata.name, finds(one.spec.selector.matchLabels ?? one.spec.selector)]).toEqual([
        one.metadata.name,
        1,
      ]);
    }
    for (const { metadata, spec } of of('NetworkPolicy')) {
      expect([metadata.name, finds(spec.podSelector.matchLabels)]).not.toEqual([metadata.name, 0]);
    }
    const scalers = [...of('HorizontalPodAutoscaler'), ...of('ScaledObject')];
    const scaled = scalers.map(({ spec }) => spec.scaleTargetRef.name as string);
    expect(scaled.toSorted()).toEqual(['mir-api', 'mir-worker']);
    expect(of('Secret').map(({ metadata }) => metadata.name)).toEqual(['mir-secrets']);
    for (const { spec } of deployments) {
      expect(spec.replicas).toBeUndefined();
      expect(spec.template.spec.containers[0].image).toBe('registry.example.org/mir:0.1.0');
    }
    expect(new Set(all.filter(({ kind }) => kind !== 'Namespace').map(({ metadata }) => metadata.namespace))).toEqual(
      new Set(['mir']),
    );
    const policy = of('NetworkPolicy').find(({ metadata }) => metadata.name === 'mir-nothing-else');
    const [migrate] = documents(await kustomize(join(copy, 'overlays/example/migrate')));
    expect(migrate.spec.template.metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels);
    expect(pods.at(-1)![1].metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels);
  });

  test('a wrong field is found', async () => {
    const built = await kustomize(join(copy, 'base'));
    expect(await kubeconform(built.replaceAll('readOnlyRootFilesystem', 'readOnlyRoot'))).toContain('readOnlyRoot');
  });
});
