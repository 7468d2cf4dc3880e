import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { addressesOf, listenOnEach } from '../../../shared/process/listen';
import { loopbackAddresses, otherAddresses } from '../../support/reach';

const dockerfile = readFileSync(join(__dirname, '../../../deploy/Dockerfile'), 'utf8');

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
