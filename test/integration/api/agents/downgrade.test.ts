import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { route } from '../../../../api/http/route';
import { createAdmit, runRoute } from '../../../../api/http/run-route';
import { listen } from '../../../../shared/process/listen';
import { createClient, type TestAnswer } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { expectProblem } from '../../../support/problems';
import { allowSpawning, AN_EVENT, anAgent, register, spawn, type TestAgent } from '../../../support/agents';

let h: Harness;
let partner: TestPartner;
let root: TestAgent;
let children: TestAgent[];
let approvals: string[];
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  partner = await h.partner();
  await allowSpawning(h.client, partner, { approval: { fromDepth: 2 } });
  root = await register(h.client, partner.liveKey);
  children = [];
  for (let n = 0; n < 4; n += 1) children.push(await spawn(h.client, partner.liveKey, root.id));
  approvals = [];
  for (let n = 0; n < 2; n += 1) {
    const { body } = await h.client.post(`/v1/agents/${children[0]!.id}/spawn`, partner.liveKey, { name: 'Waits' });
    approvals.push(body.approvalId);
  }
  // The keys are cached before the plan changes.
  for (const { key } of [root, ...children]) await h.client.get('/v1/events', key);
  await h.client.request('PATCH', `/admin/partners/${partner.partnerId}`, {
    headers: { 'x-admin-token': h.env['ADMIN_TOKEN']! },
    body: { plan: 'STANDARD' },
  });
});
afterAll(() => h.close());

type Call = (key: string) => Promise<TestAnswer>;
const post =
  (path: () => string, body: unknown = {}): Call =>
  (key) =>
    h.client.post(`/v1${path()}`, key, body);
const get =
  (path: () => string): Call =>
  (key) =>
    h.client.get(`/v1${path()}`, key);
const child = (n: number): string => `/agents/${children[n]!.id}`;

const BY_PARTNER_REJECTED: Record<string, Call> = {
  register: post(() => '/agents', anAgent()),
  spawn: post(() => `/agents/${root.id}/spawn`, { name: 'x' }),
  patch: (key) => h.client.request('PATCH', `/v1${child(0)}`, { key, body: { name: 'x' } }),
  'rotate a key': post(() => `${child(0)}/key/rotate`),
  reactivate: post(() => `${child(0)}/reactivate`),
  'set the policy': (key) =>
    h.client.request('PUT', '/v1/agents/policy', { key, body: { spawnEnabled: true, maxSpawnDepth: 2 } }),
  approve: post(() => `/agents/approvals/${approvals[0]}/approve`),
};

const BY_AGENT_REJECTED: Record<string, Call> = {
  'submit an event': post(() => '/events', AN_EVENT),
  'submit a batch': post(() => '/events', { events: [AN_EVENT] }),
  'spawn below itself': post(() => `/agents/${root.id}/spawn`, { name: 'x' }),
  'patch a descendant': (key) => h.client.request('PATCH', `/v1${child(0)}`, { key, body: { name: 'x' } }),
  'rotate a descendant’s key': post(() => `${child(0)}/key/rotate`),
  'reactivate a descendant': post(() => `${child(0)}/reactivate`),
};

/** In this order: the later ones end what the earlier ones read. */
const LEFT_TO_BOTH: Record<string, Call> = {
  'read events': get(() => '/events'),
  'read signals': post(() => '/resolve', { userExternalId: 'u-1' }),
  list: get(() => '/agents'),
  'read an agent': get(() => child(0)),
  'walk the tree': get(() => '/agents/tree'),
  'read a lineage': get(() => `${child(0)}/lineage`),
  'read the audit': get(() => '/audit'),
  'preview a kill': post(() => `${child(1)}/revoke-descendants`, { dryRun: true }),
  suspend: post(() => `${child(1)}/suspend`),
};

describe('after a downgrade of the plan', () => {
  it.each(Object.keys(BY_PARTNER_REJECTED))('the partner may not %s', async (name) => {
    expect(await BY_PARTNER_REJECTED[name]!(partner.liveKey)).toMatchObject({
      status: 403,
      body: { code: 'ENTERPRISE_REQUIRED' },
    });
  });

  it.each(Object.keys(BY_AGENT_REJECTED))('an agent may not %s', async (name) => {
    expect(await BY_AGENT_REJECTED[name]!(root.key)).toMatchObject({
      status: 403,
      body: { code: 'ENTERPRISE_REQUIRED' },
    });
  });

  it('an agent may write by no route of a writing scope, whichever it is, and the partner by all', async () => {
    const scope = 'links:write' as const;
    const written = route({
      operationId: 'probe',
      method: 'POST',
      path: '/written',
      auth: { kind: 'key', scope, availableWithoutRedis: false },
      tag: 'Test',
      summary: 'Stands for any',
      answers: {},
      problems: [],
      handle: () => ({ status: 200, body: {} }),
    });
    const app = express().post('/v1/written', runRoute(h.ctx, written, createAdmit(h.ctx)));
    const { server, port } = await listen(app, 0, 'PORT');
    const client = createClient(`http://127.0.0.1:${port}`);
    const byAgent = await client.post('/v1/written', root.key, {});
    const byPartner = await client.post('/v1/written', partner.liveKey, {});
    server.close();
    server.closeAllConnections();
    expectProblem(byAgent, 403, 'ENTERPRISE_REQUIRED');
    expect(byPartner.status).toBe(200);
  });

  it.each(Object.keys(LEFT_TO_BOTH))('the partner and its agents may still %s', async (name) => {
    expect(await LEFT_TO_BOTH[name]!(partner.liveKey)).toMatchObject({ status: 200 });
    expect(await LEFT_TO_BOTH[name]!(root.key)).toMatchObject({ status: 200 });
  });

  it('the partner may still read policy and approvals, reject, revoke and kill, and an agent may kill below itself', async () => {
    const { liveKey } = partner;
    expect((await h.client.get('/v1/agents/policy', liveKey)).status).toBe(200);
    expect((await h.client.get('/v1/agents/approvals', liveKey)).body.data).toHaveLength(2);
    expect((await post(() => `/agents/approvals/${approvals[0]}/reject`)(liveKey)).status).toBe(200);
    expect((await post(() => `${child(0)}/revoke`)(liveKey)).status).toBe(200);
    expect((await post(() => `${child(2)}/revoke`)(root.key)).status).toBe(200);
    expect((await post(() => `${child(3)}/revoke-descendants`)(root.key)).status).toBe(202);
    const killed = await post(() => `/agents/${root.id}/revoke-descendants`)(liveKey);
    expect(killed.status).toBe(202);
    expect((await get(() => `/agents/cascades/${killed.body.cascadeId}`)(liveKey)).status).toBe(200);
  });

  it('the partner itself goes on submitting', async () => {
    expect((await h.client.post('/v1/events', partner.liveKey, AN_EVENT)).status).toBe(202);
  });
});
