import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type SentCommand, scriptMongos } from '../../../support/scripted-mongos';
import { cli } from '../../../support/cli';
import { type Harness, startHarness } from '../../../support/harness';
import { tcpProxies } from '../../../support/tcp-proxy';

const openProxy = tcpProxies();
let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());

/** Runs `mir doctor` against a scripted mongos, and returns its findings about sharding. */
async function doctor(respond?: (sent: SentCommand) => object | null): Promise<unknown[]> {
  const mongos = await openProxy(mir.env['MONGO_URL']!);
  scriptMongos(mongos, respond);
  const result = await cli({ ...mir.env, MONGO_URL: mongos.url }, 'doctor', '--json');
  return result.json().checks.filter(({ check }: { check: string }) => /sharding|replica set|transactions/.test(check));
}

const readsConfig = ({ name, command }: SentCommand): boolean => name === 'find' && command['$db'] === 'config';

describe('mir doctor on a sharded cluster (scripted mongos)', () => {
  it('reports the layout and the collections that are not sharded', async () => {
    expect(await doctor()).toMatchObject([
      { check: 'sharding', verdict: 'OK', found: 'layout: sharded cluster, through a mongos' },
      { check: 'transactions', verdict: 'OK' },
      { check: 'sharding', verdict: 'WARN', found: expect.stringContaining('events, users') },
    ]);
  });

  it('reports a shard key that differs from the required one', async () => {
    const database = new URL(mir.env['MONGO_URL']!).pathname.slice(1);
    const firstBatch = [{ _id: `${database}.events`, key: { _id: 'hashed' } }];
    const findings = await doctor((sent) =>
      readsConfig(sent) ? { ok: 1, cursor: { id: 0n, ns: 'config.collections', firstBatch } } : null,
    );
    expect(findings).toContainEqual(
      expect.objectContaining({
        verdict: 'FAIL',
        found: expect.stringContaining('events is sharded by {_id: hashed}'),
      }),
    );
  });

  it('warns if the user may not read the shard keys', async () => {
    const denied = { ok: 0, code: 13, codeName: 'Unauthorized', errmsg: 'not authorized on config' };
    expect(await doctor((sent) => (readsConfig(sent) ? denied : null))).toContainEqual(
      expect.objectContaining({ check: 'sharding', verdict: 'WARN', found: expect.stringContaining('may not read') }),
    );
  });
});
