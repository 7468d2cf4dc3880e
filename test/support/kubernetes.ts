import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';
import { projectRoot } from '../../shared/project';

const TOOLS = join(projectRoot(), '.cache', 'tools');
const SCHEMAS = join(TOOLS, 'schemas');
const VERSION = '1.37.0';
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** Schema paths for kubeconform: the Kubernetes schemas, and our schemas for custom resources. */
const LOCATIONS = [SCHEMAS, join(__dirname, '..', 'system', 'deploy', 'schemas')].map(
  (folder) => `${folder}/v${VERSION}{{ .StrictSuffix }}/{{ .ResourceKind }}{{ .KindSuffix }}.json`,
);

const isInstalled = ['bin/kustomize', 'bin/kubeconform', `schemas/v${VERSION}-strict`].every((path) =>
  existsSync(join(TOOLS, path)),
);
const isSkipped = !isInstalled && process.env['CI'] !== 'true';
if (isSkipped)
  process.stderr.write(
    'Skipping Kubernetes tests. Install the required tools with deploy/k8s/install-tools.sh (needs Go and Python).\n',
  );

/** `describe` for tests that need kustomize and kubeconform. Outside CI, skips them if a tool is missing. */
export const describeWithKubernetesTools = isSkipped ? describe.skip : describe;

/** Returns the output of `kustomize build`. Rejects with the command's error message if it fails. */
export async function kustomize(folder: string): Promise<string> {
  const run = promisify(execFile);
  return (await run(join(TOOLS, 'bin/kustomize'), ['build', folder], { maxBuffer: MAX_OUTPUT_BYTES })).stdout;
}

/**
 * Validates manifests strictly against the schemas. Returns the errors, or an empty string if all manifests are valid.
 */
export async function kubeconform(manifests: string): Promise<string> {
  const args = ['-strict', '-kubernetes-version', VERSION, ...LOCATIONS.flatMap((path) => ['-schema-location', path])];
  const running = promisify(execFile)(join(TOOLS, 'bin/kubeconform'), args, { maxBuffer: MAX_OUTPUT_BYTES });
  running.child.stdin!.end(manifests);
  return running.then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}
