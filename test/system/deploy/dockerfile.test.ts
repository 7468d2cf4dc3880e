import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { addressesOf, listenOnEach } from '../../../shared/process/listen';
import { projectRoot } from '../../../shared/project';
import { loopbackAddresses, otherAddresses } from '../../support/reach';

const MAX_SBOM_BYTES = 16 * 1024 * 1024;
const dockerfile = readFileSync(join(__dirname, '../../../deploy/Dockerfile'), 'utf8');

describe('the software bill of materials in deploy/Dockerfile', () => {
  it('lists the packages in the image, and no development dependencies', async () => {
    const command = /^RUN (npm sbom .*) > sbom\.cdx\.json$/m.exec(dockerfile)![1]!;
    expect(dockerfile).toMatch(/^COPY --from=build \/app\/sbom\.cdx\.json \.\/$/m);
    const { stdout } = await promisify(execFile)('sh', ['-c', command], {
      cwd: projectRoot(),
      maxBuffer: MAX_SBOM_BYTES,
    });
    const { bomFormat, components } = JSON.parse(stdout) as { bomFormat: string; components: { name: string }[] };
    const names = components.map(({ name }) => name);
    expect(bomFormat).toBe('CycloneDX');
    expect(names).toEqual(expect.arrayContaining(['express', 'bullmq', 'mongodb', 'ipaddr.js']));
    expect(names).not.toContain('jest');
  });
});

describe('HEALTHCHECK in deploy/Dockerfile', () => {
  it.each(['', '0.0.0.0', 'localhost', ...loopbackAddresses(), ...otherAddresses().slice(0, 1)])(
    'passes the health check while an API with BIND_ADDRESS=%s is running, and fails it afterward',
    async (bindAddress) => {
      const [program, ...args] = JSON.parse(/^HEALTHCHECK [^]*?CMD (\[.*\])$/m.exec(dockerfile)![1]!) as string[];
      const { servers, port } = await listenOnEach(addressesOf(bindAddress || null), (_, res) => res.end(), 0, 'PORT');
      const env = { PATH: process.env['PATH'], PORT: String(port), BIND_ADDRESS: bindAddress };
      const check = (): Promise<number> =>
        promisify(execFile)(program!, args, { env }).then(
          () => 0,
          (error: { code: number }) => error.code,
        );
      const whileServing = await check();
      await Promise.all(servers.map((server) => new Promise((resolve) => void server.close(resolve))));
      expect([whileServing, await check()]).toEqual([0, 1]);
    },
  );
});
