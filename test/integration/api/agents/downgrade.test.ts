import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { route } from '../../../../api/http/route';
import { createAdmit, runRoute } from '../../../../api/http/run-route';
import { listen } from '../../../../shared/process/listen';
import { createClient, type TestResponse } from '../../../support/client';
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
    const { body } = await h.client.post(`/v1/agents/${children[0]!.id}/spawn`, partner.liveKey, { name: 'Pending' });
    approvals.push(body.approvalId);
  }
  // Cache the agent keys before the plan changes.
  for (const { key } of [root, ...children]) await h.client.get('/v1/events', key);
  await h.client.request('PATCH', `/admin/partners/${partner.partnerId}`, {
    headers: { 'x-admin-token': h.env['ADMIN_TOKEN']! },
    body: { plan: 'STANDARD' },
  });
});
afterAll(() => h.close());

type Call = (key: string) => Promise<TestResponse>;
const post =
  (path: () => string, body: unknown = {}): Call =>
  (key) =>
    h.client.post(`/v1${path()}`, key, body);
const get =
  (path: () => string): Call =>
  (key) =>
    h.client.get(`/v1${path()}`, key);
const child = (n: number): string => `/agents/${children[n]!.id}`;

const REJECTED_FOR_PARTNER: Record<string, Call> = {
  'register an agent': post(() => '/agents', anAgent()),
  'spawn an agent': post(() => `/agents/${root.id}/spawn`, { name: 'x' }),
  'update an agent': (key) => h.client.request('PATCH', `/v1${child(0)}`, { key, body: { name: 'x' } }),
  'rotate a key': post(() => `${child(0)}/key/rotate`),
  'reactivate an agent': post(() => `${child(0)}/reactivate`),
  'set the spawn policy': (key) =>
    h.client.request('PUT', '/v1/agents/policy', { key, body: { spawnEnabled: true, maxSpawnDepth: 2 } }),
  'approve a spawn': post(() => `/agents/approvals/${approvals[0]}/approve`),
};

const REJECTED_FOR_AGENT: Record<string, Call> = {
  'submit an event': post(() => '/events', AN_EVENT),
  'submit a batch': post(() => '/events', { events: [AN_EVENT] }),
  'spawn a child': post(() => `/agents/${root.id}/spawn`, { name: 'x' }),
  'update a descendant': (key) => h.client.request('PATCH', `/v1${child(0)}`, { key, body: { name: 'x' } }),
  'rotate a descendant’s key': post(() => `${child(0)}/key/rotate`),
  'reactivate a descendant': post(() => `${child(0)}/reactivate`),
};

/** The order matters because later calls change agents that earlier calls read. */
const ALLOWED_FOR_BOTH: Record<string, Call> = {
  'read events': get(() => '/events'),
  'read signals': post(() => '/resolve', { userExternalId: 'u-1' }),
  'list agents': get(() => '/agents'),
  'read an agent': get(() => child(0)),
  'read the tree': get(() => '/agents/tree'),
  'read a lineage': get(() => `${child(0)}/lineage`),
  'read audit entries': get(() => '/audit'),
  'preview a kill': post(() => `${child(1)}/revoke-descendants`, { dryRun: true }),
  'suspend an agent': post(() => `${child(1)}/suspend`),
};

describe('agent routes after a downgrade to STANDARD', () => {
  it.each(Object.keys(REJECTED_FOR_PARTNER))(
    'returns 403 ENTERPRISE_REQUIRED when a downgraded partner tries to %s',
    async (name) => {
      expect(await REJECTED_FOR_PARTNER[name]!(partner.liveKey)).toMatchObject({
        status: 403,
        body: { code: 'ENTERPRISE_REQUIRED' },
      });
    },
  );

  it.each(Object.keys(REJECTED_FOR_AGENT))(
    'returns 403 ENTERPRISE_REQUIRED when a downgraded partner’s agent tries to %s',
    async (name) => {
      expect(await REJECTED_FOR_AGENT[name]!(root.key)).toMatchObject({
        status: 403,
        body: { code: 'ENTERPRISE_REQUIRED' },
      });
    },
  );

  it('rejects a downgraded partner’s agents, but not the partner itself, on routes that require a write scope', async () => {
    const scope = 'links:write' as const;
    const probe = route({
      operationId: 'probe',
      method: 'POST',
      path: '/probe',
      auth: { kind: 'key', scope, availableWithoutRedis: false },
      tag: 'Test',
      summary: 'Any route with a write scope',
      answers: {},
      problems: [],
      handle: () => ({ status: 200, body: {} }),
    });
    const app = express().post('/v1/probe', runRoute(h.ctx, probe, createAdmit(h.ctx)));
    const { server, port } = await listen(app, 0, 'PORT');
    const client = createClient(`http://127.0.0.1:${port}`);
    const byAgent = await client.post('/v1/probe', root.key, {});
    const byPartner = await client.post('/v1/probe', partner.liveKey, {});
    server.close();
    server.closeAllConnections();
    expectProblem(byAgent, 403, 'ENTERPRISE_REQUIRED');
    expect(byPartner.status).toBe(200);
  });

  it.each(Object.keys(ALLOWED_FOR_BOTH))('lets a downgraded partner and its agents %s', async (name) => {
    expect(await ALLOWED_FOR_BOTH[name]!(partner.liveKey)).toMatchObject({ status: 200 });
    expect(await ALLOWED_FOR_BOTH[name]!(root.key)).toMatchObject({ status: 200 });
  });

  it('lets a downgraded partner reject approvals, and lets the partner and its agents revoke and kill agents', async () => {
    const { liveKey } = partner;
    expect((await h.client.get('/v1/agents/policy', liveKey)).status).toBe(200);
    expect((await h.client.get('/v1/agents/approvals', liveKey)).body.data).toHaveLength(2);
    expect((await post(() => `/agents/approvals/${approvals[0]}/reject`)(liveKey)).status).toBe(200);
    expect((await post(() => `${child(0)}/revoke`)(liveKey)).status).toBe(200);
    expect((await post(() => `${child(2)}/revoke`)(root.key)).status).toBe(200);
    expect((await post(() => `${child(3)}/revoke-descendants`)(root.key)).status).toBe(202);
    const kill = await post(() => `/agents/${root.id}/revoke-descendants`)(liveKey);
    expect(kill.status).toBe(202);
    expect((await get(() => `/agents/cascades/${kill.body.cascadeId}`)(liveKey)).status).toBe(200);
  });

  it('accepts a downgraded partner’s own events', async () => {
    expect((await h.client.post('/v1/events', partner.liveKey, AN_EVENT)).status).toBe(202);
  });
});
