import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { KillReport } from '../../../../api/agents/kill-report';
import { tenantOf } from '../../../../shared/domain/ids';
import { MAX_OPEN_DELIVERIES } from '../../../../shared/domain/webhook';
import type { DeliveryDoc } from '../../../../shared/store/deliveries';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { waitUntil } from '../../../support/wait-until';
import { startWebhookReceiver, type WebhookReceiver } from '../../../support/webhook-receiver';

const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
const CREDENTIAL_CHANGE = 'https://schemas.openid.net/secevent/caep/event-type/credential-change';
const ACCOUNT_ENABLED = 'https://schemas.openid.net/secevent/risc/event-type/account-enabled';

let mir: Harness;
let server: WebhookReceiver;
let partner: TestPartner;
let agent: TestAgent;
/** Path of the test's receivers. Retries of other tests' pushes go to other paths. */
let path: string;
let paths = 0;
beforeAll(async () => {
  server = await startWebhookReceiver();
  mir = await startHarness({ env: { WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' } });
});
afterAll(async () => {
  await server.close();
  await mir.close();
});
beforeEach(async () => {
  path = `/${(paths += 1)}`;
  server.respond = () => 202;
  partner = await mir.partner();
  agent = await insertAgent(mir.ctx.store, partner);
});

async function newReceiver(format: 'SET' | 'STANDARD_WEBHOOK', own = path) {
  const { status, body } = await mir.client.post('/v1/receivers', partner.liveKey, { url: server.urlOf(own), format });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body as { receiverId: string; url: string; secret: string };
}
const act = async (action: string, body: Record<string, unknown> = {}) => {
  const response = await mir.client.post(`/v1/agents/${agent.agentId}/${action}`, partner.liveKey, body);
  if (response.status > 299) throw new Error(JSON.stringify(response.body));
  return response.body;
};
const received = async (count: number) => {
  await waitUntil(`${count} pushes arrive`, () => server.at(path).length >= count);
  return server.at(path);
};
/** Verifies a token with the published keys, as a receiver does. */
async function claimsOf(token: string): Promise<Record<string, unknown>> {
  const { createRemoteJWKSet, jwtVerify } = await import('jose');
  const keys = createRemoteJWKSet(new URL(`${mir.url}/.well-known/jwks.json`));
  const options = { typ: 'secevent+jwt', issuer: mir.ctx.config.publicUrl, algorithms: ['EdDSA'] };
  return (await jwtVerify(token, keys, options)).payload;
}
const reportOf = async (cascadeId: string): Promise<KillReport> =>
  (await mir.client.get(`/v1/cascades/${cascadeId}`, partner.liveKey)).body as KillReport;
const shownReceivers = async () => (await mir.client.get('/v1/receivers', partner.liveKey)).body.data;

describe('pushes to receivers', () => {
  it('send a kill as a Security Event Token that the published keys verify', async () => {
    const { url } = await newReceiver('SET');
    const { cascadeId } = await act('revoke-descendants', { reason: 'leaked' });
    const [{ headers, body }] = (await received(1)) as [(typeof server.received)[0]];
    expect(headers).toMatchObject({ 'content-type': 'application/secevent+jwt', accept: 'application/json' });
    const claims = await claimsOf(body);
    const now = Math.floor(Date.now() / 1_000);
    expect(claims).toEqual({
      iss: mir.ctx.config.publicUrl,
      aud: url,
      iat: expect.any(Number),
      jti: expect.stringMatching(/^msg_/),
      toe: expect.any(Number),
      sub_id: { format: 'opaque', id: agent.agentId },
      events: {
        [SESSION_REVOKED]: {
          event_timestamp: claims['toe'],
          type: 'cascade.started',
          agentId: agent.agentId,
          rootId: agent.agentId,
          cascadeId,
          includeDescendants: true,
        },
      },
    });
    expect(Math.abs(Number(claims['iat']) - now)).toBeLessThan(60);
    expect(body).not.toContain('leaked');
  });

  it('send every change of an agent’s rights, with one event each', async () => {
    await newReceiver('SET');
    await act('suspend', { includeDescendants: true });
    await act('reactivate');
    await act('key/rotate');
    await act('revoke');
    const pushes = await Promise.all((await received(4)).map(({ body }) => claimsOf(body)));
    const events = pushes.flatMap(({ events: found }) => Object.entries(found as Record<string, { type: string }>));
    const common = { agentId: agent.agentId, rootId: agent.agentId };
    const byType = Object.fromEntries(events.map(([uri, event]) => [event.type, [uri, event]]));
    expect(byType).toMatchObject({
      'agent.suspended': [SESSION_REVOKED, { ...common, status: 'SUSPENDED', includeDescendants: true }],
      'agent.reactivated': [ACCOUNT_ENABLED, { ...common, status: 'ACTIVE', includeDescendants: true }],
      'agent.key.rotated': [CREDENTIAL_CHANGE, { ...common, change_type: 'update' }],
      'agent.revoked': [SESSION_REVOKED, { ...common, status: 'REVOKED' }],
    });
    expect(events).toHaveLength(4);
  });

  it('send the expiry of an agent', async () => {
    await newReceiver('SET');
    const body = { name: 'Brief', type: 'SERVICE_ACCOUNT', preset: 'STANDARD', allowedEventTypes: ['mir.content.*'] };
    const brief = await mir.client.post('/v1/agents', partner.liveKey, { ...body, expiresInSeconds: 1 });
    expect(brief.status).toBe(201);
    const { events } = await claimsOf((await received(1))[0]!.body);
    const common = { agentId: brief.body.agentId, rootId: brief.body.agentId };
    expect(events).toMatchObject({ [SESSION_REVOKED]: { ...common, type: 'agent.expired', status: 'EXPIRED' } });
  });

  it('send a Standard Webhook signed with the receiver’s own secret', async () => {
    server.respond = () => 204;
    const { secret } = await newReceiver('STANDARD_WEBHOOK');
    const { cascadeId } = await act('revoke-descendants');
    const [{ headers, body, type }] = (await received(1)) as [(typeof server.received)[0]];
    expect(type).toBe('cascade.started');
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({ data: { cascadeId } });
    await waitUntil('the kill is contained', async () => (await reportOf(cascadeId)).containedAt !== null);
  });

  it('enter the report of the kill, which is contained once all receivers have acknowledged it', async () => {
    const [fast, slow] = [await newReceiver('SET', '/fast'), await newReceiver('SET', '/slow')];
    // Only 202 acknowledges a token.
    server.respond = (push) => (push.path === '/slow' && server.at('/slow').length === 1 ? 200 : 202);
    const { cascadeId, effectiveAt } = await act('revoke-descendants');
    await waitUntil('the failure is recorded', async () => {
      const { receivers } = await reportOf(cascadeId);
      return receivers[0]!.acknowledgedAt !== null && receivers[1]!.lastError !== null;
    });
    const open = await reportOf(cascadeId);
    expect(open.containedAt).toBeNull();
    expect(open.receivers).toEqual([
      { receiverId: fast.receiverId, url: fast.url, acknowledgedAt: expect.any(String), lastError: null },
      {
        receiverId: slow.receiverId,
        url: slow.url,
        acknowledgedAt: null,
        lastError: { at: expect.any(String), code: 'HTTP_200' },
      },
    ]);
    expect(await shownReceivers()).toMatchObject([
      { state: 'ACTIVE', lastAcknowledgedAt: open.receivers[0]!.acknowledgedAt, lastError: null },
      { state: 'FAILING', lastAcknowledgedAt: null, lastError: { code: 'HTTP_200' } },
    ]);
    expect(await mir.ctx.store.deliveries.oldestUnacknowledgedAt()).toBeInstanceOf(Date);

    await waitUntil('the kill is contained', async () => (await reportOf(cascadeId)).containedAt !== null);
    const { containedAt, receivers } = await reportOf(cascadeId);
    expect(containedAt).toBe(receivers[1]!.acknowledgedAt);
    expect(Date.parse(containedAt!)).toBeGreaterThanOrEqual(Date.parse(effectiveAt));
    const [first, second] = await Promise.all(server.at('/slow').map(({ body }) => claimsOf(body)));
    expect(second).toEqual(first);
    await waitUntil('no push is open', async () => (await mir.ctx.store.deliveries.oldestUnacknowledgedAt()) === null);
    expect((await shownReceivers())[1]).toMatchObject({ state: 'ACTIVE', failingSince: null });
  });

  it('name the error in the report if the receiver cannot be reached', async () => {
    const closed = await startWebhookReceiver();
    const body = { url: closed.urlOf('/'), format: 'SET' };
    await mir.client.post('/v1/receivers', partner.liveKey, body);
    await closed.close();
    const { cascadeId } = await act('revoke-descendants');
    await waitUntil('the error is recorded', async () => (await reportOf(cascadeId)).receivers[0]!.lastError !== null);
    expect((await reportOf(cascadeId)).receivers[0]!.lastError!.code).toBe('CONNECTION_REFUSED');
  });

  it('reach a receiver that was down for an hour, with a token that still verifies', async () => {
    const { receiverId } = await newReceiver('SET');
    server.respond = () => 503;
    const { cascadeId } = await act('revoke-descendants');
    await waitUntil('the error is recorded', async () => (await reportOf(cascadeId)).receivers[0]!.lastError !== null);
    const { deliveries } = mir.ctx.store;
    const anHourAgo = new Date(Date.now() - 3_600_000);
    await deliveries.model.updateMany({ endpointId: receiverId }, { createdAt: anHourAgo }, { timestamps: false });
    expect((await deliveries.oldestUnacknowledgedAt())!.getTime()).toBeLessThanOrEqual(anHourAgo.getTime());
    server.respond = () => 202;
    await waitUntil('the kill is contained', async () => (await reportOf(cascadeId)).containedAt !== null);
    expect(await claimsOf(server.at(path).at(-1)!.body)).toMatchObject({ sub_id: { id: agent.agentId } });
  });

  it('stay enabled however long they fail', async () => {
    const { receiverId } = await newReceiver('SET');
    const { webhooks } = mir.ctx.store;
    await webhooks.recordFailure(receiverId, new Date(Date.now() - 48 * 3_600_000));
    server.respond = () => 503;
    await act('suspend');
    await received(1);
    await waitUntil('the failure is recorded', async () => (await shownReceivers())[0].lastError !== null);
    const { deliveries } = mir.ctx.store;
    const rows = () => deliveries.model.find({ endpointId: receiverId }).lean<DeliveryDoc[]>();
    await waitUntil('the attempt is recorded', async () => (await rows())[0]!.attempts === 1);
    expect((await rows())[0]).toMatchObject({ status: 'PENDING', format: 'SET' });
    expect((await webhooks.byIds([receiverId])).get(receiverId)!.disabledAt).toBeUndefined();
  });

  it('send a kill also to a receiver with too many unfinished deliveries', async () => {
    const { receiverId } = await newReceiver('SET');
    const tenant = tenantOf(partner.partnerId, 'live');
    const later = new Date(Date.now() + 3_600_000);
    const times = { nextLookAt: later, createdAt: new Date(), expireAt: later };
    const message = { type: 'agent.suspended' as const, body: '{}', status: 'PENDING' as const, attempts: 1 };
    const open = { tenant, endpointId: receiverId, format: 'SET' as const, ...message, ...times };
    const rows = Array.from({ length: MAX_OPEN_DELIVERIES }, (_, n) => ({ _id: `dlv_${receiverId}_${n}`, ...open }));
    await mir.ctx.store.deliveries.model.insertMany(rows);
    try {
      await act('suspend');
      const { cascadeId } = await act('revoke-descendants');
      await waitUntil('the kill is contained', async () => (await reportOf(cascadeId)).containedAt !== null);
      expect(server.at(path)).toHaveLength(1);
      const skipped = { endpointId: receiverId, type: 'agent.suspended', status: 'SKIPPED' } as const;
      expect(await mir.ctx.store.deliveries.model.countDocuments(skipped)).toBe(1);
    } finally {
      await mir.ctx.store.deliveries.model.deleteMany({ endpointId: receiverId });
    }
  });

  it('are not sent to a receiver that was deleted, whose acknowledgement stays missing in the report', async () => {
    server.respond = () => 503;
    const { receiverId } = await newReceiver('SET');
    const { cascadeId } = await act('revoke-descendants');
    await waitUntil('the error is recorded', async () => (await reportOf(cascadeId)).receivers[0]!.lastError !== null);
    await mir.client.request('DELETE', `/v1/receivers/${receiverId}`, { key: partner.liveKey });
    const left = { endpointId: receiverId, status: 'PENDING' } as const;
    expect(await mir.ctx.store.deliveries.model.countDocuments(left)).toBe(0);
    expect(await reportOf(cascadeId)).toMatchObject({ containedAt: null, receivers: [{ receiverId }] });
  });
});
