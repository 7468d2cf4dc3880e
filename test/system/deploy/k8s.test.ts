import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { describeWithKubernetesTools, kubeconform, kustomize } from '../../support/kubernetes';

const K8S = join(__dirname, '../../../deploy/k8s');
const SECRET = 's'.repeat(64);

// oxlint-disable-next-line typescript/no-explicit-any -- reads manifests as kubectl does, without our types
type Manifest = any;

const documents = (text: string): Manifest[] => parseAllDocuments(text).map((document) => document.toJS());
const [cronJob] = documents(readFileSync(join(K8S, 'backup/cron-job.yaml'), 'utf8'));
const { template: backupPod } = cronJob.spec.jobTemplate.spec;

/** The example secrets with values filled in. */
const secrets = readFileSync(join(K8S, 'overlays/example/secrets.env.example'), 'utf8').replaceAll(
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
  writeFileSync(join(copy, 'overlays/example/secrets.env'), secrets);
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it.each(['overlays/example', 'overlays/example/migrate', 'base'])(
    'builds %s into manifests that pass strict validation',
    async (folder) => {
      const built = await kustomize(join(copy, folder));
      expect(documents(built).length).toBeGreaterThan(0);
      expect(await kubeconform(built)).toBe('');
    },
  );

  it('builds an example with matching selectors, one autoscaler per deployment, secrets that exist and a single image', async () => {
    const all = documents(await kustomize(join(copy, 'overlays/example')));
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
    const [migrate] = documents(await kustomize(join(copy, 'overlays/example/migrate')));
    expect(migrate.spec.template.metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels);
    expect(backupPod.metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels);
  });

  it('rejects a manifest with an unknown field', async () => {
    const built = await kustomize(join(copy, 'base'));
    expect(await kubeconform(built.replaceAll('readOnlyRootFilesystem', 'readOnlyRoot'))).toContain('readOnlyRoot');
  });
});
