import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness } from '../../support/harness';
import { failedStart, testProcesses } from '../../support/processes';
import { FOREIGN_ADDRESS, loopbackAddresses, otherAddresses, reachableOf } from '../../support/reach';
import { waitUntil } from '../../support/wait-until';

const start = testProcesses();
let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { LOG_LEVEL: 'info' } });
});
afterAll(() => mir.close());

/** Reads the API's metrics port from its log. */
async function metricsPortOf(api: { stdout: () => string }): Promise<number> {
  const logged = (): string | undefined => /"metricsPort":(\d+)/.exec(api.stdout())?.[1];
  await waitUntil('the API logs its ports', () => logged() !== undefined);
  return Number(logged());
}

const all = [...loopbackAddresses(), ...otherAddresses()];

describe('BIND_ADDRESS', () => {
  it.each([
    { setting: '127.0.0.1', reached: ['127.0.0.1'] },
    { setting: '', reached: all },
  ])(
    'exposes the API, metrics and worker ports only on $reached when BIND_ADDRESS is $setting',
    async ({ setting, reached }) => {
      const env = { ...mir.env, BIND_ADDRESS: setting };
      const [api, worker] = await Promise.all([start('api', env), start('worker', env)]);
      const ports = { api: api.port, metrics: await metricsPortOf(api), worker: worker.port };
      for (const [name, port] of Object.entries(ports)) {
        expect([name, await reachableOf(all, port)]).toEqual([name, reached]);
      }
    },
  );

  it.each(['api', 'worker'] as const)(
    'prevents the %s process from starting if BIND_ADDRESS belongs to another machine',
    async (program) => {
      const { code, stderr } = await failedStart(program, { ...mir.env, BIND_ADDRESS: FOREIGN_ADDRESS });
      expect(code).toBe(1);
      expect(stderr).toBe(
        `MIR ${program} cannot start: This machine cannot listen on ${FOREIGN_ADDRESS} (EADDRNOTAVAIL). ` +
          `Set BIND_ADDRESS to one of its own addresses, or to localhost.\n`,
      );
    },
  );

  it.each(['api', 'worker'] as const)(
    'prevents the %s process from starting if BIND_ADDRESS is not an address',
    async (program) => {
      const { code, stderr } = await failedStart(program, { ...mir.env, BIND_ADDRESS: '127.0.0.1:3000' });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^MIR cannot start: 1 setting is invalid\.\n {2}- BIND_ADDRESS: must be an IP address/);
    },
  );
});
