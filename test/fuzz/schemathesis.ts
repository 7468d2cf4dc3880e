import path from 'node:path';
import { projectRoot } from '../../shared/project';
import { installPypiStore, type PypiStore } from '../../deploy/local/pypi-stores';

/** The fuzzer, which is installed like the stand-ins for the stores. */
export const SCHEMATHESIS: PypiStore = {
  requirement: 'schemathesis==4.32.5',
  lockFile: path.join(projectRoot(), 'test', 'fuzz', 'requirements.txt'),
  locate: 'import os, sys; print(os.path.join(os.path.dirname(sys.executable), "schemathesis"))',
};

/** Installs Schemathesis into `.cache/fuzz` once and returns its Python path. Rejects if the installation fails. */
export async function installSchemathesis(): Promise<string> {
  const { python } = await installPypiStore(SCHEMATHESIS, {
    cacheDir: path.join(projectRoot(), '.cache', 'fuzz'),
    env: process.env,
    onProgress: (line) => console.log(line),
  });
  return python;
}
