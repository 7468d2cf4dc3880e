import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { readConfig } from '../../../shared/config/config';
import { parseRedisUrl } from '../../../shared/config/redis-url';
import { SETTINGS } from '../../../shared/config/settings';
import { describeWithKubernetesTools, kubeconform, kustomize } from '../../support/kubernetes';

const K8S = join(__dirname, '../../../deploy/k8s');
const SECRET = 's'.repeat(64);

// oxlint-disable-next-line typescript/no-explicit-any -- reads manifests as kubectl does, without our types
type Manifest = any;

const documents = (text: string): Manifest[] => parseAllDocuments(text).map((document) => document.toJS());
const [cronJob] = documents(readFileSync(join(K8S, 'backup/cron-job.yaml'), 'utf8'));
const { template: backupPod } = cronJob.spec.jobTemplate.spec;

const OVERLAYS = ['example', 'cluster'];
/** Returns an overlay's example secrets with values filled in. */
const secretsOf = (overlay: string): string =>
  readFileSync(join(K8S, 'overlays', overlay, 'secrets.env.example'), 'utf8').replaceAll(
    /^(SUBJECT_PEPPER|ADMIN_TOKEN)=$/gm,
    `$1=${SECRET}`,
  );

describe('backup job', () => {
  it('removes partial backups first, and backups older than a month only after a new backup is complete', () => {
    const backups = mkdtempSync(join(tmpdir(), 'mir-backups-'));
    const [shell, options, script] = backupPod.spec.containers[0].args;
    const runJob = (create: string): void => {
      const localScript = script.replaceAll('/backups', backups).replace('mir backup create', create);
      execFileSync(shell, [options, localScript]);
    };
    const addBackup = (name: string, ageDays: number, isComplete = true): void => {
      mkdirSync(join(backups, name));
      if (isComplete) writeFileSync(join(backups, name, 'manifest.json'), '{}');
      utimesSync(join(backups, name), new Date(), new Date(Date.now() - ageDays * 86_400_000));
    };
    try {
      addBackup('2026-09-01T021700Z', 40);
      addBackup('2026-10-05T021700Z', 5);
      addBackup('2026-10-06T021700Z', 1, false);
      addBackup('2026-10-07-by-hand', 0, false);
      mkdirSync(join(backups, 'lost+found'));
      expect(() => runJob('false')).toThrow('Command failed');
      expect(readdirSync(backups)).toEqual([
        '2026-09-01T021700Z',
        '2026-10-05T021700Z',
        '2026-10-07-by-hand',
        'lost+found',
      ]);
      runJob('mkdir');
      const [kept, inProgress, created, ...others] = readdirSync(backups);
      expect([kept, inProgress, others]).toEqual(['2026-10-05T021700Z', '2026-10-07-by-hand', ['lost+found']]);
      expect(created).toMatch(/^20\d\d-\d\d-\d\dT\d{6}Z$/);
    } finally {
      rmSync(backups, { recursive: true });
    }
  });
});

describeWithKubernetesTools('kustomize and kubeconform', () => {
  const copy = mkdtempSync(join(tmpdir(), 'mir-k8s-'));
  cpSync(K8S, copy, { recursive: true });
  for (const overlay of OVERLAYS) writeFileSync(join(copy, 'overlays', overlay, 'secrets.env'), secretsOf(overlay));
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it.each([...OVERLAYS.flatMap((overlay) => [`overlays/${overlay}`, `overlays/${overlay}/migrate`]), 'base'])(
    'builds %s into manifests that pass strict validation',
    async (folder) => {
      const built = await kustomize(join(copy, folder));
      expect(documents(built).length).toBeGreaterThan(0);
      expect(await kubeconform(built)).toBe('');
    },
  );

  it.each(OVERLAYS)(
    'builds the overlay %s with matching selectors, one autoscaler per deployment, secrets that exist and a single image',
    async (overlay) => {
      const all = documents(await kustomize(join(copy, 'overlays', overlay)));
      const ofKind = (wanted: string): Manifest[] => all.filter(({ kind }) => kind === wanted);
      const deployments = ofKind('Deployment');
      const podLabels = deployments.map(({ spec }) => spec.template.metadata.labels);
      const countMatches = (selector: Manifest): number =>
        podLabels.filter((labels) => Object.entries(selector).every(([name, value]) => labels[name] === value)).length;
      for (const { metadata, spec } of [...ofKind('Service'), ...ofKind('PodDisruptionBudget')]) {
        const selector = spec.selector.matchLabels ?? spec.selector;
        expect([metadata.name, countMatches(selector)]).toEqual([metadata.name, 1]);
      }
      for (const { metadata, spec } of ofKind('NetworkPolicy')) {
        expect([metadata.name, countMatches(spec.podSelector.matchLabels)]).not.toEqual([metadata.name, 0]);
      }
      const scalers = [...ofKind('HorizontalPodAutoscaler'), ...ofKind('ScaledObject')];
      const scaled = scalers.map(({ spec }) => spec.scaleTargetRef.name as string);
      expect(scaled.toSorted()).toEqual(['mir-api', 'mir-worker']);
      expect(ofKind('Secret').map(({ metadata }) => metadata.name)).toEqual(['mir-secrets']);
      for (const { spec } of deployments) {
        expect(spec.replicas).toBeUndefined();
        expect(spec.template.spec.containers[0].image).toBe('registry.example.org/mir:0.1.0');
      }
      expect(new Set(all.filter(({ kind }) => kind !== 'Namespace').map(({ metadata }) => metadata.namespace))).toEqual(
        new Set(['mir']),
      );
      const policy = ofKind('NetworkPolicy').find(({ metadata }) => metadata.name === 'mir-nothing-else');
      const [migrate] = documents(await kustomize(join(copy, 'overlays', overlay, 'migrate')));
      expect(migrate.spec.template.metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels);
      expect(backupPod.metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels);
    },
  );

  it.each(OVERLAYS)('builds the overlay %s with valid production settings', async (overlay) => {
    const all = documents(await kustomize(join(copy, 'overlays', overlay)));
    const ofKind = (wanted: string): Manifest => all.find(({ kind }) => kind === wanted);
    const secrets = Object.entries(ofKind('Secret').data as Record<string, string>).map(([name, value]) => [
      name,
      Buffer.from(value, 'base64').toString(),
    ]);
    const env = { ...ofKind('ConfigMap').data, ...Object.fromEntries(secrets) };
    expect(Object.keys(env).filter((name) => !(name in SETTINGS))).toEqual([]);
    const { production, redisUrl, cacheRedisUrl } = readConfig(env);
    expect([production, cacheRedisUrl === redisUrl]).toEqual([true, false]);
  });

  it('builds an overlay for a Redis Cluster and a replica set of three members', async () => {
    const all = documents(await kustomize(join(copy, 'overlays/cluster')));
    const data = (wanted: string): Record<string, string> => all.find(({ kind }) => kind === wanted).data;
    const url = (name: string): string => Buffer.from(data('Secret')[name]!, 'base64').toString();
    const redis = parseRedisUrl(url('REDIS_URL'));
    if (redis.layout !== 'cluster') throw new Error(`the layout is ${redis.layout}`);
    expect(new Set(redis.nodes.map(({ host }) => host)).size).toBe(6);
    expect(url('MONGO_URL').match(/:27017/g)).toHaveLength(3);
    expect(data('ConfigMap')).toMatchObject({ EVENT_QUEUE_SHARDS: '6', QUEUE_DURABILITY: 'replicated' });
  });

  it('keeps three API pods and four workers on several nodes, in the cluster overlay', async () => {
    const all = documents(await kustomize(join(copy, 'overlays/cluster')));
    const specOf = (wanted: string): Manifest => all.find(({ kind }) => kind === wanted).spec;
    expect(specOf('HorizontalPodAutoscaler').minReplicas).toBe(3);
    expect(specOf('ScaledObject')).toMatchObject({ minReplicaCount: 4, triggers: [{}, {}] });
    const deployments = all.filter(({ kind }) => kind === 'Deployment');
    for (const { spec } of deployments) {
      const { labels } = spec.template.metadata;
      const [constraint, ...others] = spec.template.spec.topologySpreadConstraints;
      expect([constraint.topologyKey, constraint.whenUnsatisfiable]).toEqual([
        'kubernetes.io/hostname',
        'DoNotSchedule',
      ]);
      expect(labels).toMatchObject(constraint.labelSelector.matchLabels);
      expect(others).toEqual([]);
    }
    expect(deployments).toHaveLength(2);
  });

  it('rejects a manifest with an unknown field', async () => {
    const built = await kustomize(join(copy, 'base'));
    expect(await kubeconform(built.replaceAll('readOnlyRootFilesystem', 'readOnlyRoot'))).toContain('readOnlyRoot');
  });
});
