import { beforeAll, describe, expect, it } from '@jest/globals';
import type { AgentDoc } from '../../../../shared/store/agents';
import { expireAgents } from '../../../../workers/maintenance/expire-agents';
import { type ParsedApiKey, parseApiKey } from '../../../../shared/domain/api-key';
import { tagOf, tenantOf } from '../../../../shared/domain/ids';
import { startSecondApi } from '../../../support/agents';
import type { ApiClient } from '../../../support/client';
import { faultEnvironment } from '../../../support/fault-environment';
import { type GrownAgent, growTree } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import type { OwnStore } from '../../../support/own-store';
import { waitUntil } from '../../../support/wait-until';
import { isSlowMongo } from '../../../support/test-stores';

/** Enough agents for more than one cascade page. The PyPI stand-in for MongoDB takes seconds per page. */
const TREE_SIZE = isSlowMongo() ? 1_100 : 1_500;
const CLOSED_WITHIN_MS = 120_000;
const ONE_HOUR_MS = 3_600_000;
const REVOKED = '401 AGENT_KEY_REVOKED';
const EXPIRED = '401 AGENT_EXPIRED';
const INVALID = '401 API_KEY_INVALID';

const { serve, ownRedis } = faultEnvironment();
let mir: Harness;
let redis: OwnStore;
beforeAll(async () => {
  redis = await ownRedis();
  mir = await serve({ workers: false, env: { REDIS_URL: redis.url } });
});

/** Returns the status of a read request with the key, followed by the problem code if the request is rejected. */
async function outcome(key: string, client: ApiClient = mir.client): Promise<string> {
  const { status, body } = await client.get('/v1/events', key);
  return status === 200 ? '200' : `${status} ${body.code}`;
}

/** Returns the distinct outcomes of one request with each key. */
async function outcomes(keys: readonly string[], client?: ApiClient): Promise<string[]> {
  return [...new Set(await Promise.all(keys.map((key) => outcome(key, client))))];
}

const flush = (): Promise<unknown> => mir.ctx.queueLink.client.flushall();

async function whileRedisIsDown(check: () => Promise<void>): Promise<void> {
  await redis.stop();
  try {
    await check();
  } finally {
    await redis.restart();
    await waitUntil('the API has reconnected to Redis', () => mir.ctx.queueLink.runId() !== null);
  }
}

/** Expects the same rejection with warm and cold caches, from a new API process, and while Redis is down. */
async function expectRejectedEverywhere(keys: readonly string[], expected: string): Promise<void> {
  expect(await outcomes(keys)).toEqual([expected]);
  await flush();
  expect(await outcomes(keys)).toEqual([expected]);
  await flush();
  const second = await startSecondApi(mir);
  try {
    expect(await outcomes(keys, second.client)).toEqual([expected]);
    expect(await outcomes(keys, second.client)).toEqual([expected]);
  } finally {
    await second.close();
  }
  await whileRedisIsDown(async () => expect(await outcomes(keys)).toEqual([expected]));
  expect(await outcomes(keys)).toEqual([expected]);
}

const expectRevokedEverywhere = (keys: readonly string[]): Promise<void> => expectRejectedEverywhere(keys, REVOKED);

const post = (partner: TestPartner, { agentId }: Pick<GrownAgent, 'agentId'>, action: string, body: object = {}) =>
  mir.client.post(`/v1/agents/${agentId}/${action}`, partner.liveKey, body);

async function readAgent({ agentId }: Pick<GrownAgent, 'agentId'>): Promise<AgentDoc> {
  return (await mir.ctx.store.agents.model.findById(agentId).lean<AgentDoc>())!;
}

/** Creates an agent and its child, and revokes only the agent. */
async function createRevokedAgent(): Promise<{ partner: TestPartner; agent: TestAgent; child: TestAgent }> {
  const partner = await mir.partner();
  const agent = await insertAgent(mir.ctx.store, partner);
  const child = await insertAgent(mir.ctx.store, partner, {}, agent);
  expect(await post(partner, agent, 'revoke')).toMatchObject({ status: 200 });
  return { partner, agent, child };
}

const parsed = (key: string): ParsedApiKey => parseApiKey(key)!;

describe('revoked keys', () => {
  it('rejects the keys of a killed tree with AGENT_KEY_REVOKED during and after the cascade, cached or not', async () => {
    const partner = await mir.partner();
    const pending: Partial<AgentDoc> = { status: 'PENDING_APPROVAL', key: null };
    const changesOf = (n: number): Partial<AgentDoc> =>
      n > 0 && n % 11 === 0 ? pending : n % 7 === 3 ? { status: 'SUSPENDED' } : {};
    const tree = await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), TREE_SIZE, changesOf);
    const issued = tree.filter((_, n) => changesOf(n) !== pending);
    const deepest = Math.max(...issued.map(({ depth }) => depth));
    const keysAt = (depth: number): string[] => issued.filter((agent) => agent.depth === depth).map(({ key }) => key);
    const [root, middle, leaves] = [keysAt(0), keysAt(2), keysAt(deepest)];
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
        for (const result of await outcomes([...warm, ...cold])) seen.add(result);
        await flush();
        for (const result of await outcomes([...warm, ...cold])) seen.add(result);
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

  it("rejects a killed agent's key without MongoDB after one lookup, even if it was cached before the kill", async () => {
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
    // From here on, a lookup in MongoDB would not find the key.
    await agents.model.deleteOne({ _id: child.agentId });
    expect(await outcome(child.apiKey)).toBe(REVOKED);
  }, 180_000);

  describe('a single revoked agent', () => {
    it("rejects a revoked agent's key everywhere, but accepts its child's key", async () => {
      const { agent, child } = await createRevokedAgent();
      await expectRevokedEverywhere([agent.apiKey]);
      expect(await outcome(child.apiKey)).toBe('200');
    }, 60_000);

    it('rejects a revoked key from Redis alone for a limited time after one lookup in MongoDB', async () => {
      const { partner, agent } = await createRevokedAgent();
      expect(await outcome(agent.apiKey)).toBe(REVOKED);
      const row = mir.ctx.keys.credential(tagOf(partner.partnerId), parsed(agent.apiKey).hash);
      const ttlMs = await mir.ctx.queueLink.client.pttl(row);
      expect(ttlMs).toBeGreaterThan(0);
      expect(ttlMs).toBeLessThanOrEqual(ONE_HOUR_MS);
      // From here on, a lookup in MongoDB would not find the key.
      await mir.ctx.store.agents.model.deleteOne({ _id: agent.agentId });
      expect(await outcome(agent.apiKey)).toBe(REVOKED);
    });

    it('stores a reference to the revoked key that is valid neither as a key nor as a key hash', async () => {
      const { agent } = await createRevokedAgent();
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

    it('searches the revoked agents only for keys in the agent format', async () => {
      const { agent } = await createRevokedAgent();
      const inPartnerFormat = { ...parsed(agent.apiKey), agent: false };
      await expect(mir.ctx.authorizer.authorizeFromStore(inPartnerFormat, null)).rejects.toMatchObject({
        code: 'API_KEY_INVALID',
      });
    });

    it('never reports a revoked key as unknown to requests that race with the revocation', async () => {
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
      expect([...seen].filter((result) => result !== '200' && result !== REVOKED)).toEqual([]);
    });
  });

  it('rejects killed agents below a suspended agent with AGENT_KEY_REVOKED, with and without Redis', async () => {
    const partner = await mir.partner();
    const root = await insertAgent(mir.ctx.store, partner);
    const killed = await insertAgent(mir.ctx.store, partner, {}, root);
    const below = await insertAgent(mir.ctx.store, partner, {}, killed);
    await post(partner, root, 'suspend', { includeDescendants: true });
    await post(partner, killed, 'revoke-descendants');
    const keys = [killed.apiKey, below.apiKey];
    expect(await outcomes(keys)).toEqual([REVOKED]);
    await whileRedisIsDown(async () => {
      expect(await outcomes(keys)).toEqual([REVOKED]);
      expect(await outcome(root.apiKey)).toBe('403 AGENT_SUSPENDED');
    });
  });

  it('reports a rotated key as unknown, even after its agent was revoked', async () => {
    const partner = await mir.partner();
    const agent = await insertAgent(mir.ctx.store, partner);
    const { body } = await post(partner, agent, 'key/rotate');
    expect(await outcome(agent.apiKey)).toBe(INVALID);
    await post(partner, agent, 'revoke');
    expect(await outcome(agent.apiKey)).toBe(INVALID);
    expect(await outcome(body.apiKey)).toBe(REVOKED);
  });

  it('does not suggest another key in the response to a revoked or rotated key', async () => {
    const { partner, agent } = await createRevokedAgent();
    const rotated = await insertAgent(mir.ctx.store, partner);
    await post(partner, rotated, 'key/rotate');
    for (const key of [agent.apiKey, rotated.apiKey]) {
      const { status, body } = await mir.client.get('/v1/events', key);
      expect(status).toBe(401);
      expect(`${body.title} ${body.detail}`).not.toMatch(/\b(newest|newer|latest|another|other|new one|rotate)/i);
    }
  });
});

describe('the keys of expired agents', () => {
  it('get AGENT_EXPIRED before and after the expiry is recorded, cached or not, and while Redis is down', async () => {
    const partner = await mir.partner();
    const agent = await insertAgent(mir.ctx.store, partner);
    const child = await insertAgent(mir.ctx.store, partner, {}, agent);
    const keys = [agent.apiKey, child.apiKey];
    await whileRedisIsDown(async () => expect(await outcomes(keys)).toEqual(['200']));
    expect(await outcomes(keys)).toEqual(['200']);
    await mir.ctx.store.agents.model.updateOne({ _id: agent.agentId }, { expiresAt: new Date() });
    await flush();
    await expectRejectedEverywhere(keys, EXPIRED);
    await mir.ctx.store.agents.model.updateMany(
      { _id: { $in: [agent.agentId, child.agentId] } },
      { expiryCheckAt: new Date() },
    );
    await expireAgents({ ...mir.ctx, link: mir.ctx.queueLink }, new Date());
    expect([(await readAgent(agent)).status, (await readAgent(child)).key]).toEqual(['EXPIRED', null]);
    await expectRejectedEverywhere(keys, EXPIRED);
  });
});
