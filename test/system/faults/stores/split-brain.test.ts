import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../../../../shared/config/config';
import type { ApiClient } from '../../../support/client';
import { faultEnvironment } from '../../../support/fault-environment';
import { insertAgent } from '../../../support/insert-agent';
import { serveApi } from '../../../support/serve-api';
import { waitUntil } from '../../../support/wait-until';

const REVOKED = '401 AGENT_KEY_REVOKED';

const { closeAtEnd, ownRedis, serve } = faultEnvironment();

async function outcome(client: ApiClient, key: string): Promise<string> {
  const { status, body } = await client.get('/v1/events', key);
  return status === 200 ? '200' : `${status} ${body.code}`;
}

describe('two Redis servers that both act as primary', () => {
  it("enforces a kill from one side on the other side once a worker there has handled the kill's cascade", async () => {
    const [near, far] = await Promise.all([ownRedis(), ownRedis()]);
    const there = await serve({ workers: false, env: { REDIS_URL: far.url } });
    const here = await serveApi(readConfig({ ...there.env, REDIS_URL: near.url }));
    closeAtEnd(here);
    const partner = await there.partner();
    const root = await insertAgent(there.ctx.store, partner);
    const child = await insertAgent(there.ctx.store, partner, {}, root);
    const keys = [root.apiKey, child.apiKey];
    const outcomes = (client: ApiClient): Promise<string[]> => Promise.all(keys.map((key) => outcome(client, key)));
    expect([await outcomes(here.client), await outcomes(there.client)]).toEqual([
      ['200', '200'],
      ['200', '200'],
    ]);

    const kill = await here.client.post(`/v1/agents/${root.agentId}/revoke-descendants`, partner.liveKey, {});
    expect(kill.status).toBe(202);
    const cascade = () => there.ctx.store.cascades.byId(kill.body.cascadeId as string);
    const { effectiveAt } = (await cascade())!;
    expect(effectiveAt).toBeInstanceOf(Date);
    expect(await outcomes(here.client)).toEqual([REVOKED, REVOKED]);

    await there.startWorkers();
    await waitUntil('the cascade is closed', async () => (await cascade())!.status === 'CLOSED');
    expect(await outcomes(there.client)).toEqual([REVOKED, REVOKED]);
    expect((await cascade())!.effectiveAt).toEqual(effectiveAt);
  });
});
