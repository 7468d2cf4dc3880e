import { beforeAll, describe, expect, it } from '@jest/globals';
import type { AgentDoc } from '../../../../shared/store/agents';
import { type ParsedApiKey, parseApiKey } from '../../../../shared/domain/api-key';
import { tagOf, tenantOf } from '../../../../shared/domain/ids';
import { startSecondApi } from '../../../support/agents';
import type { ApiClient } from '../../../support/client';
import { faultEnvironment } from '../../../support/fault-environment';
import { type GrownAgent, growTree } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import type { OwnStore } from '../../../support/own-stores';
import { waitUntil } from '../../../support/wait-until';
import { isSlowMongo } from '../../../support/test-stores';

/** More than one page of a cascade. The stand-in from PyPI takes seconds for each. */
const TREE_SIZE = isSlowMongo() ? 1_100 : 1_500;
const CLOSED_WITHIN_MS = 120_000;
const ONE_HOUR_MS = 3_600_000;
const REVOKED = '401 AGENT_KEY_REVOKED';
const INVALID = '401 API_KEY_INVALID';

const { serve, ownRedis } = faultEnvironment();
let mir: Harness;
let redis: OwnStore;
beforeAll(async () => {
  redis = await ownRedis();
  mir = await serve({ workers: false, env: { REDIS_URL: redis.url } });
});

/** Status and code of a harmless call with a key. */
async function outcome(key: string, client: ApiClient = mir.client): Promise<string> {
  const { status, body } = await client.get('/v1/events', key);
  return status === 200 ? '200' : `${status} ${body.code}`;
}

/** The distinct outcomes of one call with each key. */
async function outcomes(keys: readonly string[], client?: ApiClient): Promise<string[]> {
  return [...new Set(await Promise.all(keys.map((key) => outcome(key, client))))];
}

const flush = (): Promise<unknown> => mir.ctx.queueLink.client.flushall();

async function whileRedisIsAway(check: () => Promise<void>): Promise<void> {
  await redis.stop();
  try {
    await check();
  } finally {
    await redis.startAgain();
    await waitUntil('the API has Redis back', () => mir.ctx.queueLink.runId() !== null);
  }
}

/** Expects the keys to be refused as revoked with warm and cold caches, by a new API process, and without Redis. */
async function expectRevokedEverywhere(keys: readonly string[]): Promise<void> {
  expect(await outcomes(keys)).toEqual([REVOKED]);
  await flush();
  expect(await outcomes(keys)).toEqual([REVOKED]);
  await flush();
  const second = await startSecondApi(mir);
  try {
    expect(await outcomes(keys, second.client)).toEqual([REVOKED]);
    expect(await outcomes(keys, second.client)).toEqual([REVOKED]);
  } finally {
    await second.close();
  }
  await whileRedisIsAway(async () => expect(await outcomes(keys)).toEqual([REVOKED]));
  expect(await outcomes(keys)).toEqual([REVOKED]);
}

const post = (partner: TestPartner, { agentId }: Pick<GrownAgent, 'agentId'>, action: string, body: object = {}) =>
  mir.client.post(`/v1/agents/${agentId}/${action}`, partner.liveKey, body);

async function readAgent({ agentId }: Pick<GrownAgent, 'agentId'>): Promise<AgentDoc> {
  return (await mir.ctx.store.agents.model.findById(agentId).lean<AgentDoc>())!;
}

/** An agent that was revoked alone, with its child. */
async function revokedAgent(): Promise<{ partner: TestPartner; agent: TestAgent; child: TestAgent }> {
  const partner = await mir.partner();
  const agent = await insertAgent(mir.ctx.store, partner);
  const child = await insertAgent(mir.ctx.store, partner, {}, agent);
  expect(await post(partner, agent, 'revoke')).toMatchObject({ status: 200 });
  return { partner, agent, child };
}

const parsed = (key: string): ParsedApiKey => parseApiKey(key)!;

describe('revoked keys across failures', () => {
  it('a killed tree answers AGENT_KEY_REVOKED during the cascade, after it, and whatever becomes of the caches', async () => {
    const partner = await mir.partner();
    const pending: Partial<AgentDoc> = { status: 'PENDING_APPROVAL', key: null };
    const changesOf = (n: number): Partial<AgentDoc> =>
      n > 0 && n % 11 === 0 ? pending : n % 7 === 3 ? { status: 'SUSPENDED' } : {};
    const tree = await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), TREE_SIZE, changesOf);
    const issued = tree.filter((_, n) => changesOf(n) !== pending);
    const deepest = Math.max(...issued.map(({ depth }) => depth));
    const ofDepth = (depth: number): string[] => issued.filter((agent) => agent.depth === depth).map(({ key }) => key);
    const [root, middle, leaves] = [ofDepth(0), ofDepth(2), ofDepth(deepest)];
    const [warm, cold] = [
      [...root, ...middle.slice(0, 2), ...leaves.slice(0, 2)],
      [...middle.slice(-2), ...leaves.slice(-2)],
    ];
    for (const key of warm) await outcome(key);

    const { status, body } = await post(partner, tree[0]!, 'revoke-descendants');
    expect(status).toBe(202);
    const { cascades, agents } = mir.ctx.store;
    await mir.startWorkers();
    const seen = new Set<string>();
    await waitUntil(
      'the cascade is closed',
      async () => {
        for (const one of await outcomes([...warm, ...cold])) seen.add(one);
        await flush();
        for (const one of await outcomes([...warm, ...cold])) seen.add(one);
        return (await cascades.byId(body.cascadeId))?.status === 'CLOSED';
      },
      CLOSED_WITHIN_MS,
    );
    await mir.stopWorkers();
    expect([...seen]).toEqual([REVOKED]);
    const ids = tree.map(({ agentId }) => agentId);
    expect(await agents.model.countDocuments({ _id: { $in: ids }, status: 'REVOKED', key: null })).toBe(TREE_SIZE);
    const refs = (await agents.model.distinct('revokedKeyRef', { _id: { $in: ids } })).filter(Boolean);
    expect(refs).toHaveLength(issued.length);
    await expectRevokedEverywhere([...warm, ...cold]);
  }, 240_000);

  it('a key that was cached before the kill is refused from Redis once it was looked up after the cascade', async () => {
    const partner = await mir.partner();
    const root = await insertAgent(mir.ctx.store, partner);
    const child = await insertAgent(mir.ctx.store, partner, {}, root);
    expect(await outcome(child.apiKey)).toBe('200');
    const { body } = await post(partner, root, 'revoke-descendants');
    const { cascades, agents } = mir.ctx.store;
    await mir.startWorkers();
    await waitUntil(
      'the cascade is closed',
      async () => (await cascades.byId(body.cascadeId))?.status === 'CLOSED',
      CLOSED_WITHIN_MS,
    );
    await mir.stopWorkers();
    expect(await outcome(child.apiKey)).toBe(REVOKED);
    // A look-up in the store does not find it any more.
    await agents.model.deleteOne({ _id: child.agentId });
    expect(await outcome(child.apiKey)).toBe(REVOKED);
  }, 180_000);

  describe('an agent that was revoked alone', () => {
    it('answers AGENT_KEY_REVOKED everywhere, and its child goes on', async () => {
      const { agent, child } = await revokedAgent();
      await expectRevokedEverywhere([agent.apiKey]);
      expect(await outcome(child.apiKey)).toBe('200');
    }, 60_000);

    it('is refused from Redis once it was looked up, for a bounded time', async () => {
      const { partner, agent } = await revokedAgent();
      expect(await outcome(agent.apiKey)).toBe(REVOKED);
      const row = mir.ctx.keys.credential(tagOf(partner.partnerId), parsed(agent.apiKey).hash);
      const ttlMs = await mir.ctx.queueLink.client.pttl(row);
      expect(ttlMs).toBeGreaterThan(0);
      expect(ttlMs).toBeLessThanOrEqual(ONE_HOUR_MS);
      // A look-up in the store does not find it any more.
      await mir.ctx.store.agents.model.deleteOne({ _id: agent.agentId });
      expect(await outcome(agent.apiKey)).toBe(REVOKED);
    });

    it('leaves a reference that authenticates nothing, as key or as hash', async () => {
      const { agent } = await revokedAgent();
      const { revokedKeyRef: ref } = await readAgent(agent);
      expect(ref).toMatch(/^[\w-]{43}$/);
      expect(ref).not.toContain(parsed(agent.apiKey).hash);
      expect(await outcome(ref!)).toBe(INVALID);
      const forged = { ...parsed(agent.apiKey), hash: ref! };
      await expect(mir.ctx.authorizer.authorize(forged, 'requests', null, [])).rejects.toMatchObject({
        code: 'API_KEY_INVALID',
      });
      await expect(mir.ctx.authorizer.authorizeFromStore(forged, null)).rejects.toMatchObject({
        code: 'API_KEY_INVALID',
      });
    });

    it('is looked for among revoked agents only by a key of agent form', async () => {
      const { agent } = await revokedAgent();
      const ofPartnerForm = { ...parsed(agent.apiKey), agent: false };
      await expect(mir.ctx.authorizer.authorizeFromStore(ofPartnerForm, null)).rejects.toMatchObject({
        code: 'API_KEY_INVALID',
      });
    });

    it('is never refused as unknown by calls that race with the revocation', async () => {
      const partner = await mir.partner();
      const agent = await insertAgent(mir.ctx.store, partner);
      const seen = new Set<string>();
      const done = { now: false };
      const caller = (async () => {
        while (!done.now) seen.add(await outcome(agent.apiKey));
      })();
      expect(await post(partner, agent, 'revoke')).toMatchObject({ status: 200 });
      const after = await outcomes(Array.from({ length: 20 }, () => agent.apiKey));
      done.now = true;
      await caller;
      expect(after).toEqual([REVOKED]);
      expect([...seen].filter((one) => one !== '200' && one !== REVOKED)).toEqual([]);
    });
  });

  it('a killed agent below a suspended one answers AGENT_KEY_REVOKED without Redis, too', async () => {
    const partner = await mir.partner();
    const root = await insertAgent(mir.ctx.store, partner);
    const killed = await insertAgent(mir.ctx.store, partner, {}, root);
    const below = await insertAgent(mir.ctx.store, partner, {}, killed);
    await post(partner, root, 'suspend', { includeDescendants: true });
    await post(partner, killed, 'revoke-descendants');
    const keys = [killed.apiKey, below.apiKey];
    expect(await outcomes(keys)).toEqual([REVOKED]);
    await whileRedisIsAway(async () => {
      expect(await outcomes(keys)).toEqual([REVOKED]);
      expect(await outcome(root.apiKey)).toBe('403 AGENT_SUSPENDED');
    });
  });

  it('a rotated key is unknown, not revoked, also after its agent was revoked with a later key', async () => {
    const partner = await mir.partner();
    const agent = await insertAgent(mir.ctx.store, partner);
    const { body } = await post(partner, agent, 'key/rotate');
    expect(await outcome(agent.apiKey)).toBe(INVALID);
    await post(partner, agent, 'revoke');
    expect(await outcome(agent.apiKey)).toBe(INVALID);
    expect(await outcome(body.apiKey)).toBe(REVOKED);
  });

  it('no response to a dead key suggests another key', async () => {
    const { partner, agent } = await revokedAgent();
    const rotated = await insertAgent(mir.ctx.store, partner);
    await post(partner, rotated, 'key/rotate');
    for (const key of [agent.apiKey, rotated.apiKey]) {
      const { status, body } = await mir.client.get('/v1/events', key);
      expect(status).toBe(401);
      expect(`${body.title} ${body.detail}`).not.toMatch(/\b(newest|newer|latest|another|other|new one|rotate)/i);
    }
  });
});
