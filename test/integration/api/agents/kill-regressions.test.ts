import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { allowSpawning, register, spawn, type TestAgent } from '../../../support/agents';
import type { Harness, TestPartner } from '../../../support/harness';
import { startTwoApis, type TwoApis } from './two-apis';

/** Defects that similar systems had. `races.test.ts` has the child that is created during the kill. */
let apis: TwoApis;
let h: Harness;
let partner: TestPartner;
let root: TestAgent;
let middle: TestAgent;
let leaf: TestAgent;
beforeAll(async () => {
  apis = await startTwoApis();
  ({ harness: h, partner } = apis);
});
afterAll(() => apis.close());
beforeEach(async () => {
  await allowSpawning(h.client, partner);
  root = await register(h.client, partner.liveKey);
  middle = await spawn(h.client, partner.liveKey, root.id);
  leaf = await spawn(h.client, partner.liveKey, middle.id);
});

const activeByIntrospection = async (token: string): Promise<boolean[]> => {
  const clients = [h.client, apis.secondApi.client];
  const responses = await Promise.all(
    clients.map((client) => client.post('/v1/introspect', partner.liveKey, { token })),
  );
  return responses.map(({ body }) => body.active as boolean);
};

describe('a kill', () => {
  it.each(['revoke', 'suspend'])('reaches agents below one for which %s was called before', async (action) => {
    expect((await apis.postAction(middle.id, action)).status).toBe(200);
    expect(await apis.statusesWith(leaf.key)).toEqual([200, 200]);
    expect((await apis.postAction(root.id, 'revoke-descendants')).status).toBe(202);
    for (const { key } of [root, middle, leaf]) expect(await apis.statusesWith(key)).toEqual([401, 401]);
  });

  it('ends what was cached before it: requests and introspections, on every process', async () => {
    expect(await apis.statusesWith(leaf.key)).toEqual([200, 200]);
    expect(await activeByIntrospection(leaf.key)).toEqual([true, true]);
    await apis.postAction(root.id, 'revoke-descendants');
    expect(await activeByIntrospection(leaf.key)).toEqual([false, false]);
    expect(await apis.statusesWith(leaf.key)).toEqual([401, 401]);
  });

  it('leaves no key that a retried rotation returns', async () => {
    const retried = async () => {
      const options = { key: partner.liveKey, headers: { 'idempotency-key': 'rotation-1' } };
      return h.client.request('POST', `/v1/agents/${leaf.id}/key/rotate`, options);
    };
    const first = await retried();
    const second = await retried();
    const statuses = await Promise.all(
      [leaf.key, first.body.apiKey, second.body.apiKey].map((key: string) => apis.statusesWith(key)),
    );
    expect(statuses).toEqual([
      [401, 401],
      [401, 401],
      [200, 200],
    ]);
    await apis.postAction(root.id, 'revoke-descendants');
    const third = await retried();
    expect([third.status, third.body.code]).toEqual([409, 'AGENT_REVOKED']);
    expect(await apis.statusesWith(second.body.apiKey as string)).toEqual([401, 401]);
  });

  it('leaves no agent that an approval activates afterward', async () => {
    await allowSpawning(h.client, partner, { approval: { fromDepth: 3 } });
    const pending = await apis.postAction(leaf.id, 'spawn', { name: 'Pending' }, leaf.key);
    expect(pending.status).toBe(202);
    await apis.postAction(root.id, 'revoke-descendants');
    for (const { client } of [h, apis.secondApi]) {
      const { status, body } = await client.post(
        `/v1/agents/approvals/${pending.body.approvalId as string}/approve`,
        partner.liveKey,
        {},
      );
      expect([status, body.code]).toEqual([409, 'AGENT_REVOKED']);
      expect(body.apiKey).toBeUndefined();
    }
  });
});
