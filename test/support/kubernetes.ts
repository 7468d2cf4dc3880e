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
/** kubeconform's way to a schema; ours for what is not Kubernetes' own stand in the second folder. */
const LOCATIONS = [SCHEMAS, join(__dirname, '..', 'system', 'deploy', 'schemas')].map(
  (folder) => `${folder}/v${VERSION}{{ .StrictSuffix }}/{{ .ResourceKind }}{{ .KindSuffix }}.json`,
);

const isThere = ['bin/kustomize', 'bin/kubeconform', `schemas/v${VERSION}-strict`].every((path) =>
  existsSync(join(TOOLS, path)),
);
const isSkipped = !isThere && process.env['CI'] !== 'true';
if (isSkipped)
  process.stderr.write('Skipped: run deploy/k8s/install-tools.sh (Go, Python) for kustomize and kubeconform.\n');

/** Tests that need kustomize and kubeconform: skipped, with one line, where they are not; in CI they must be there. */
export const describeWithKubernetesTools = isSkipped ? describe.skip : describe;

/** What `kustomize build` makes of a folder. Rejects with its message. */
export async function kustomize(folder: string): Promise<string> {
  const run = promisify(execFile);
  return (await run(join(TOOLS, 'bin/kustomize'), ['build', folder], { maxBuffer: MAX_OUTPUT_BYTES })).stdout;
}

/** Checks manifests strictly against the API's schemas; answers what is wrong, empty when nothing is. */
export async function kubeconform(manifests: string): Promise<string> {
  const args = ['-strict', '-kubernetes-version', VERSION, ...LOCATIONS.flatMap((path) => ['-schema-location', path])];
  const running = promisify(execFile)(join(TOOLS, 'bin/kubeconform'), args, { maxBuffer: MAX_OUTPUT_BYTES });
  running.child.stdin!.end(manifests);
  return running.then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}
