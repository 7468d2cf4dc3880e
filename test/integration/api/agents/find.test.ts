import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_FOUND_AGENTS } from '../../../../api/agents/find-agents';
import { newApiKey } from '../../../../shared/domain/api-key';
import { tenantOf } from '../../../../shared/domain/ids';
import { allowSpawning, AN_EVENT, register, spawn } from '../../../support/agents';
import type { TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { asAdmin } from '../../../support/partners';
import { expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';

let h: Harness;
let partner: TestPartner;
let root: TestAgent;
let child: TestAgent;
let inTest: TestAgent;
let eventId: string;
/** Part of the names, which no other test uses. */
let mark: string;
const ada = () => ({ name: `${mark} Ada`, email: `ada-${mark}@harbour.example` });
beforeAll(async () => {
  h = await sharedHarness();
  partner = await h.partner({ name: 'Harbour Market' });
  mark = partner.key.tag;
  const { store } = h.ctx;
  root = await insertAgent(store, partner, { name: `${mark} root` });
  child = await insertAgent(store, partner, { name: `${mark} restock bot`, owner: ada() }, root);
  inTest = await insertAgent(store, partner, {
    name: `${mark} restock bot`,
    owner: { ...ada(), name: `${mark} Bea` },
    tenant: tenantOf(partner.partnerId, 'test'),
  });
  const { body } = await h.client.post('/v1/events', child.apiKey, AN_EVENT, { 'idempotency-key': 'found' });
  eventId = body.eventId;
  await h.drained();
});
afterAll(() => h.close());

const find = (body: unknown, key = partner.liveKey): Promise<TestResponse> =>
  h.client.post('/v1/agents/find', key, body);
const findAll = (body: unknown): Promise<TestResponse> => asAdmin(h.client, 'POST', '/agents/find', body);
const idsIn = ({ body }: TestResponse): string[] => body.data.map(({ agentId }: { agentId: string }) => agentId);

describe('POST /v1/agents/find', () => {
  it('returns an agent with its partner, environment, status and path', async () => {
    const { status, body } = await find({ name: `${mark} restock bot` });
    expect(status).toBe(200);
    expect(body).toEqual({
      data: [
        {
          agentId: child.agentId,
          name: `${mark} restock bot`,
          type: 'AI_AGENT',
          status: 'ACTIVE',
          partnerId: partner.partnerId,
          partnerName: 'Harbour Market',
          environment: 'live',
          path: [
            { agentId: root.agentId, name: `${mark} root` },
            { agentId: child.agentId, name: `${mark} restock bot` },
          ],
          keyPrefix: child.doc.key!.prefix,
          createdAt: expect.any(String),
          lastActivityAt: body.data[0].lastActivityAt,
        },
      ],
      hasMore: false,
    });
  });

  it.each<[string, () => Record<string, string>]>([
    ['the start of its name', () => ({ name: `${mark} rest` })],
    ["its owner's name", () => ({ owner: `${mark} Ada` })],
    ["its owner's email address in any case", () => ({ owner: `ADA-${mark}@harbour.Example` })],
    ['its ID', () => ({ agentId: child.agentId })],
    ['the prefix of its key', () => ({ keyPrefix: child.doc.key!.prefix })],
    ['the start of that prefix', () => ({ keyPrefix: child.doc.key!.prefix.slice(0, -4) })],
    ['its key', () => ({ key: child.apiKey })],
    ['an event that it submitted', () => ({ eventId })],
  ])('finds an agent by %s, only in the environment of the key', async (_what, input) => {
    expect(idsIn(await find(input()))).toEqual([child.agentId]);
    const other = await h.partner();
    for (const key of [partner.testKey, other.liveKey]) {
      const found = idsIn(await find(input(), key));
      const inBoth = 'name' in input() || input()['owner']?.includes('@');
      expect(found).toEqual(key === partner.testKey && inBoth ? [inTest.agentId] : []);
    }
  });

  it('finds a child by the owner that it inherits from its registered parent', async () => {
    const own = await h.partner();
    await allowSpawning(h.client, own);
    const owner = { name: 'Cid', email: 'Cid.Ops@Harbour.example' };
    const parent = await register(h.client, own.liveKey, { owner });
    const spawned = await spawn(h.client, parent.key, parent.id);
    const { body } = await h.client.get(`/v1/agents/${spawned.id}`, own.liveKey);
    expect(body.owner).toEqual({ name: 'Cid', email: 'cid.ops@harbour.example' });
    for (const text of [owner.name, owner.email, 'CID.OPS@HARBOUR.EXAMPLE']) {
      const found = idsIn(await find({ owner: text }, own.liveKey));
      expect(found.toSorted()).toEqual([parent.id, spawned.id].toSorted());
    }
  });

  it('finds a killed agent by its key after the hash has been deleted', async () => {
    const killed = await insertAgent(h.ctx.store, partner, { name: 'Killed' }, root);
    const path = `/v1/agents/${killed.agentId}/revoke`;
    expect((await h.client.post(path, partner.liveKey, {})).status).toBe(200);
    const { body } = await find({ key: killed.apiKey });
    expect(body.data).toMatchObject([{ agentId: killed.agentId, status: 'REVOKED', keyPrefix: null }]);
  });

  it('shows the status that the marks of the ancestors give', async () => {
    const parent = await insertAgent(h.ctx.store, partner, { subtreeSuspendedAt: new Date() });
    const below = await insertAgent(h.ctx.store, partner, {}, parent);
    expect((await find({ agentId: below.agentId })).body.data).toMatchObject([{ status: 'SUSPENDED' }]);
  });

  it('finds nothing by what belongs to no agent', async () => {
    const inputs = [
      { key: newApiKey('live', partner.key.tag, true).key },
      { key: partner.liveKey },
      { keyPrefix: `mir_live_agent_${partner.key.tag}_00000000` },
      { name: `${mark} none` },
      { name: `${mark} ROOT` },
      { owner: `${mark} ADA` },
      { owner: mark },
      { agentId: 'agt_live_none' },
      { eventId: 'evt_live_none' },
    ];
    for (const input of inputs) expect((await find(input)).body).toEqual({ data: [], hasMore: false });
  });

  it('returns a limited number of agents and says that there are more', async () => {
    const own = await h.partner();
    for (let n = 0; n <= MAX_FOUND_AGENTS; n += 1) {
      await insertAgent(h.ctx.store, own, { name: `Bot ${10 + n}`, owner: { name: 'Bea', email: 'bea@mir.example' } });
    }
    const many = await find({ name: 'Bot' }, own.liveKey);
    expect(many.body.data).toHaveLength(MAX_FOUND_AGENTS);
    expect(many.body.hasMore).toBe(true);
    const names = many.body.data.map(({ name }: { name: string }) => name);
    expect(names).toEqual(names.toSorted());
    expect((await find({ name: 'Bot 10' }, own.liveKey)).body.hasMore).toBe(false);
    const owned = await find({ owner: 'Bea' }, own.liveKey);
    expect([owned.body.data.length, owned.body.hasMore]).toEqual([MAX_FOUND_AGENTS, true]);
  });

  it('requires exactly one field', async () => {
    for (const input of [{}, { name: 'a', agentId: 'b' }, { name: 'a', owner: 'a' }, { keyPrefix: 'mir_live_agent' }]) {
      expectProblem(await find(input), 422, 'VALIDATION_FAILED');
    }
    const { body } = await find({ name: 'a', eventId: 'b' });
    expect(body.errors[0].message).toBe('Must include exactly one of name, agentId, keyPrefix, key, owner or eventId.');
  });

  it('is for people: agents get 403', async () => {
    const admin = await insertAgent(h.ctx.store, partner, {
      type: 'SERVICE_ACCOUNT',
      preset: 'ADMIN',
      allowedEventTypes: ['*'],
    });
    expectProblem(await find({ name: mark }, admin.apiKey), 403, 'HUMAN_REQUIRED');
  });
});

describe('POST /admin/agents/find', () => {
  it('finds agents of all partners in both environments', async () => {
    const { body } = await findAll({ name: `${mark} restock` });
    expect(body.data.map(({ environment }: { environment: string }) => environment).toSorted()).toEqual([
      'live',
      'test',
    ]);
    for (const { apiKey, agentId } of [child, inTest]) {
      expect(idsIn(await findAll({ key: apiKey }))).toEqual([agentId]);
      expect(idsIn(await findAll({ agentId }))).toEqual([agentId]);
    }
    expect(idsIn(await findAll({ keyPrefix: inTest.doc.key!.prefix }))).toEqual([inTest.agentId]);
    expect(idsIn(await findAll({ eventId }))).toEqual([child.agentId]);
    expect(idsIn(await findAll({ owner: ada().name }))).toEqual([child.agentId]);
    expect(idsIn(await findAll({ owner: ada().email })).toSorted()).toEqual([child.agentId, inTest.agentId].toSorted());
  });

  it('requires the admin token', async () => {
    expectProblem(
      await h.client.post('/admin/agents/find', partner.liveKey, { name: 'a' }),
      401,
      'ADMIN_TOKEN_INVALID',
    );
  });
});
