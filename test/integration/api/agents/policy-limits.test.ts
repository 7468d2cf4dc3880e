import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { allowSpawning, anAgent, approverKey, register } from '../../../support/agents';
import type { TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';

const OWNER = { name: 'Ada Ops', email: 'ada@harbour.example' };
const HOUR_SECONDS = 3_600;

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
});
beforeEach(async () => {
  partner = await h.partner();
});
afterAll(() => h.close());

const request = (changes: object = {}) => h.client.post('/v1/agents', partner.liveKey, { ...anAgent(), ...changes });
const requestSpawn = (parentId: string, changes: object = {}) =>
  h.client.post(`/v1/agents/${parentId}/spawn`, partner.liveKey, { name: 'Child', ...changes });
const patch = (id: string, body: object) =>
  h.client.request('PATCH', `/v1/agents/${id}`, { key: partner.liveKey, body });
const violates = (response: TestResponse, ...violations: [path: string, code: string][]): void => {
  expectProblem(response, 409, 'POLICY_LIMIT');
  const errors = (response.body.errors as { path: string; code: string }[]).map(({ path, code }) => [path, code]);
  expect(errors).toEqual(violations);
};
const secondsOf = ({ body }: TestResponse): number => (Date.parse(body.expiresAt) - Date.parse(body.createdAt)) / 1_000;

describe('a required owner', () => {
  it('must be named when an agent is registered, is inherited by children, and cannot be removed', async () => {
    const ownerless = await register(h.client, partner.liveKey);
    await allowSpawning(h.client, partner, { ownerRequired: true });
    violates(await request(), ['owner', 'OWNER_REQUIRED']);
    violates(await requestSpawn(ownerless.id), ['owner', 'OWNER_REQUIRED']);
    expect((await requestSpawn(ownerless.id, { owner: OWNER })).status).toBe(201);
    const root = await request({ owner: OWNER });
    expect(root.status).toBe(201);
    const child = await requestSpawn(root.body.agentId);
    expect(child).toMatchObject({ status: 201, body: { owner: OWNER } });
    violates(await patch(child.body.agentId, { owner: null }), ['owner', 'OWNER_REQUIRED']);
    expect((await patch(child.body.agentId, { owner: { ...OWNER, name: 'Bea' } })).status).toBe(200);
  });

  it('does not prevent other changes of an agent that has none', async () => {
    const { id } = await register(h.client, partner.liveKey);
    await allowSpawning(h.client, partner, { ownerRequired: true });
    expect((await patch(id, { name: 'Renamed' })).status).toBe(200);
    expect((await patch(id, { owner: null, name: 'Again' })).status).toBe(200);
  });
});

describe('maximum times by preset', () => {
  const limits = { maxLifetimeSeconds: { ADMIN: HOUR_SECONDS }, maxIdleSeconds: { ADMIN: 600 } };

  it('are the defaults of new agents with this preset, and of no others', async () => {
    await allowSpawning(h.client, partner, limits);
    const root = await request();
    expect(root).toMatchObject({ status: 201, body: { idleTimeoutSeconds: 600 } });
    expect(secondsOf(root)).toBe(HOUR_SECONDS);
    const child = await requestSpawn(root.body.agentId);
    expect([secondsOf(child), child.body.idleTimeoutSeconds]).toEqual([HOUR_SECONDS, 600]);
    const other = await requestSpawn(root.body.agentId, { preset: 'STANDARD' });
    expect(other.body).toMatchObject({ expiresAt: null, idleTimeoutSeconds: null });
  });

  it('reject more, with an error for each violation, and allow less', async () => {
    await allowSpawning(h.client, partner, { ...limits, ownerRequired: true });
    const tooLong = { expiresInSeconds: HOUR_SECONDS + 1, idleTimeoutSeconds: 601 };
    const all = [
      ['owner', 'OWNER_REQUIRED'],
      ['expiresAt', 'LIFETIME_LIMIT'],
      ['idleTimeoutSeconds', 'IDLE_LIMIT'],
    ] as [string, string][];
    violates(await request(tooLong), ...all);
    const root = await request({ owner: OWNER, expiresInSeconds: HOUR_SECONDS, idleTimeoutSeconds: 60 });
    expect(root).toMatchObject({ status: 201, body: { idleTimeoutSeconds: 60 } });
    violates(await requestSpawn(root.body.agentId, tooLong), ...all.slice(1));
    const expiresAt = new Date(Date.now() + 2 * HOUR_SECONDS * 1_000).toISOString();
    violates(await requestSpawn(root.body.agentId, { expiresAt }), all[1]!);
  });

  it('count from the creation when an agent is changed, and cannot be removed', async () => {
    await allowSpawning(h.client, partner, limits);
    const { body } = await request({ expiresInSeconds: 60, idleTimeoutSeconds: 60 });
    violates(await patch(body.agentId, { expiresAt: null }), ['expiresAt', 'LIFETIME_LIMIT']);
    violates(await patch(body.agentId, { idleTimeoutSeconds: null }), ['idleTimeoutSeconds', 'IDLE_LIMIT']);
    violates(await patch(body.agentId, { expiresInSeconds: HOUR_SECONDS + 1 }), ['expiresAt', 'LIFETIME_LIMIT']);
    const expiresAt = new Date(Date.parse(body.createdAt) + HOUR_SECONDS * 1_000).toISOString();
    expect((await patch(body.agentId, { expiresAt, idleTimeoutSeconds: 600 })).status).toBe(200);
  });

  it('do not affect agents that were created before, until these limits are changed', async () => {
    const { id } = await register(h.client, partner.liveKey, { idleTimeoutSeconds: 6_000 });
    await allowSpawning(h.client, partner, limits);
    expect((await patch(id, { name: 'Renamed' })).status).toBe(200);
    violates(await patch(id, { idleTimeoutSeconds: 5_000 }), ['idleTimeoutSeconds', 'IDLE_LIMIT']);
    expect((await patch(id, { idleTimeoutSeconds: 500 })).status).toBe(200);
  });

  it('apply again when an agent is approved', async () => {
    await allowSpawning(h.client, partner, { approval: { presets: ['ADMIN'] } });
    const { body } = await request({ expiresInSeconds: 2 * HOUR_SECONDS });
    const approver = await approverKey(h.client, partner);
    const approve = () => h.client.post(`/v1/agents/approvals/${body.approvalId}/approve`, approver, {});
    await allowSpawning(h.client, partner, { ...limits, ownerRequired: true });
    violates(
      await approve(),
      ['owner', 'OWNER_REQUIRED'],
      ['expiresAt', 'LIFETIME_LIMIT'],
      ['idleTimeoutSeconds', 'IDLE_LIMIT'],
    );
    await allowSpawning(h.client, partner);
    expect((await approve()).status).toBe(200);
  });
});

describe('the spawn rate of a tree', () => {
  it('is limited by the policy, also for requests that the policy rejects, and not shared with other trees', async () => {
    await allowSpawning(h.client, partner, { maxSpawnsPerMinute: 3, maxChildrenPerAgent: 2 });
    const root = await register(h.client, partner.liveKey);
    const codes = [];
    for (let n = 0; n < 4; n += 1) {
      const { status, body, headers } = await requestSpawn(root.id);
      codes.push(body.code ?? status);
      if (status === 429) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(codes).toEqual([201, 201, 'POLICY_LIMIT', 'RATE_LIMITED']);
    const other = await register(h.client, partner.liveKey);
    expect((await requestSpawn(other.id)).status).toBe(201);
    await allowSpawning(h.client, partner, { maxSpawnsPerMinute: 600 });
    expect((await requestSpawn(root.id)).status).toBe(201);
  });
});
