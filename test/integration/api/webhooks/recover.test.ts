import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { MAX_OPEN_DELIVERIES } from '../../../../shared/domain/webhook';
import { MAX_IN_FLIGHT_PER_ENDPOINT } from '../../../../workers/webhooks/delivery-permits';
import { DISABLED_AFTER_MS } from '../../../../workers/webhooks/disable-endpoint';
import { RECOVERY_GRACE_MS } from '../../../../workers/webhooks/recover-deliveries';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';
import { changesOf, newEndpoint, type TestEndpoint } from '../../../support/webhook-endpoints';
import { startWebhookReceiver, type WebhookReceiver } from '../../../support/webhook-receiver';

let mir: Harness;
let partner: TestPartner;
let receiver: WebhookReceiver;
beforeAll(async () => {
  receiver = await startWebhookReceiver();
  mir = await startHarness({ env: { WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' } });
});
afterAll(async () => {
  await receiver.close();
  await mir.close();
});
beforeEach(async () => {
  receiver.release();
  receiver.received = [];
  receiver.respond = () => 204;
  partner = await mir.partner();
});

const endpoint = (path = '/hook', types?: string[]) => newEndpoint(mir, partner, receiver.urlOf(path), types);
const webhookOf = async ({ webhookId }: TestEndpoint) =>
  (await mir.ctx.store.webhooks.find(tenantOf(partner.partnerId, 'live'), webhookId))!;
const start = new Date(0).toISOString();
/** Makes a delivery fail for the last time. */
const exhaustRetries = async ({ webhookId, rows }: TestEndpoint, count = 1): Promise<void> => {
  const { model } = mir.ctx.store.deliveries;
  await waitUntil(
    'the first attempts were made',
    async () => (await rows()).filter((one) => one.attempts > 0).length >= count,
  );
  await model.updateMany({ endpointId: webhookId, status: 'PENDING' }, { $set: { status: 'FAILED' } });
};

describe('POST /v1/webhooks/:id/recover', () => {
  it('sends exactly the messages that were not delivered, also those from while the endpoint was disabled', async () => {
    const hook = await endpoint();
    const change = await changesOf(mir, partner);
    await change();
    await hook.delivered(1);
    receiver.respond = () => 500;
    await change();
    await exhaustRetries(hook);
    receiver.respond = () => null;
    await change();
    await waitUntil('the third message is being sent', () => receiver.received.length === 3);
    receiver.release(500);
    await waitUntil('the third message waits for a retry', async () => (await hook.rows())[2]!.attempts === 1);
    await hook.send('PATCH', '', { enabled: false });
    await change();
    await change();
    const before = await hook.rows();
    expect(before.map(({ status }) => status)).toEqual(['DELIVERED', 'FAILED', 'PENDING', 'SKIPPED', 'SKIPPED']);

    receiver.received = [];
    receiver.respond = () => 204;
    await hook.send('PATCH', '', { enabled: true });
    const recovered = await hook.send('POST', '/recover', { since: start });
    expect([recovered.status, recovered.body.recovery.since]).toEqual([202, start]);
    await hook.send('POST', '/recover', { since: start });
    await hook.delivered(5);
    const missed = before.slice(1).map(({ messageId }) => messageId);
    expect(receiver.received.map(({ id }) => id).toSorted()).toEqual([...missed].map(String).toSorted());
  });

  it('sends nothing that was created before the given time', async () => {
    const hook = await endpoint();
    const change = await changesOf(mir, partner);
    await hook.send('PATCH', '', { enabled: false });
    await change();
    await change();
    const [, second] = await hook.rows();
    await hook.send('PATCH', '', { enabled: true });
    await hook.send('POST', '/recover', { since: second!.createdAt.toISOString() });
    await hook.delivered(1);
    expect((await hook.rows()).map(({ status }) => status)).toEqual(['SKIPPED', 'DELIVERED']);
  });

  it('ends once nothing is left and transactions from before the request have ended', async () => {
    const hook = await endpoint();
    await hook.send('POST', '/recover', { since: start });
    const until = new Date(Date.now() - RECOVERY_GRACE_MS - 1_000);
    await mir.ctx.store.webhooks.model.updateOne({ _id: hook.webhookId }, { $set: { 'recovery.until': until } });
    await waitUntil('the recovery ends', async () => (await hook.send('GET', '')).body.recovery === null);
  });
});

describe('a failing endpoint', () => {
  const failFor = async (hook: TestEndpoint, ms: number): Promise<void> => {
    receiver.respond = ({ path }) => (path === '/failing' ? 500 : 204);
    const failingSince = new Date(Date.now() - ms);
    await mir.ctx.store.webhooks.model.updateOne({ _id: hook.webhookId }, { $set: { failingSince } });
    await hook.send('POST', '/test');
    await waitUntil('the attempt failed', async () => (await hook.rows())[0]?.attempts === 1);
  };

  it('is disabled at the first failure after a day without a success, and its messages are kept', async () => {
    const contactEmail = `${partner.key.tag}@harbour.example`;
    partner = await mir.partner({ contactEmail });
    const hook = await endpoint('/failing');
    const healthy = await endpoint('/healthy');
    await failFor(hook, DISABLED_AFTER_MS);
    await waitUntil('it is disabled', async () => (await hook.send('GET', '')).body.enabled === false);
    const { body } = await hook.send('GET', '');
    expect(body).toMatchObject({ disabledReason: 'FAILING', disabledAt: expect.any(String) });
    const { data } = (await mir.client.get('/v1/audit?action=webhook.disabled', partner.liveKey)).body;
    expect(data).toMatchObject([{ target: hook.webhookId, actor: { kind: 'SYSTEM' } }]);
    const email = { to: contactEmail, text: /127\.0\.0\.1:\d+ failed for a day/ };
    const { model } = mir.ctx.store.outboxMails;
    await waitUntil('the partner is notified', async () => (await model.countDocuments(email)) === 1);
    await (
      await changesOf(mir, partner)
    )();
    await healthy.delivered(1);
    expect((await hook.rows()).map(({ status }) => status)).toEqual(['PENDING', 'SKIPPED']);
    for (const job of await mir.ctx.queues.webhooks.getDelayed()) await job.promote();
    await waitUntil('its waiting message is kept', async () => (await hook.rows())[0]!.status === 'SKIPPED');
    expect(receiver.at('/failing')).toHaveLength(1);
    expect((await hook.send('PATCH', '', { enabled: true })).body.failingSince).toBeNull();
  });

  it('stays enabled for a day', async () => {
    const hook = await endpoint('/failing');
    await failFor(hook, DISABLED_AFTER_MS - 60_000);
    await waitUntil('the retry is scheduled', async () => (await mir.ctx.queues.webhooks.getDelayedCount()) > 0);
    expect((await webhookOf(hook)).disabledAt).toBeUndefined();
  });
});

describe('an endpoint with too many unfinished deliveries', () => {
  it('keeps further messages without sending them, until they are recovered', async () => {
    const [full, other] = [await endpoint('/full'), await endpoint('/other')];
    const at = new Date();
    const later = new Date(at.getTime() + 3_600_000);
    const rows = Array.from({ length: MAX_OPEN_DELIVERIES }, (_, n) => ({
      _id: `dlv_${full.webhookId}_${n}`,
      tenant: tenantOf(partner.partnerId, 'live'),
      endpointId: full.webhookId,
      type: 'webhook.test' as const,
      body: '{}',
      status: 'PENDING' as const,
      attempts: 0,
      nextLookAt: later,
      createdAt: at,
      expireAt: later,
    }));
    await mir.ctx.store.transaction((session) => mir.ctx.store.deliveries.insert(rows, session), 10_000);
    await (
      await changesOf(mir, partner)
    )();
    await other.delivered(1);
    const skipped = { endpointId: full.webhookId, status: 'SKIPPED' } as const;
    expect(await mir.ctx.store.deliveries.model.countDocuments(skipped)).toBe(1);
    await mir.ctx.store.deliveries.model.updateMany(
      { _id: { $in: rows.map(({ _id }) => _id) } },
      { $set: { status: 'DELIVERED' } },
    );
    await full.send('POST', '/recover', { since: start });
    await waitUntil('the message arrives', () => receiver.at('/full').length === 1);
  });
});

describe('a hanging endpoint', () => {
  it('does not delay the other endpoints of its tenant', async () => {
    const MESSAGES = 2 * MAX_IN_FLIGHT_PER_ENDPOINT;
    receiver.respond = ({ path }) => (path === '/hanging' ? null : 204);
    const [hanging, healthy] = [await endpoint('/hanging'), await endpoint('/healthy')];
    const change = await changesOf(mir, partner);
    for (let n = 0; n < MESSAGES; n += 1) await change();
    await healthy.delivered(MESSAGES);
    expect((await hanging.rows()).filter(({ status }) => status === 'DELIVERED')).toEqual([]);
    receiver.respond = () => 204;
    receiver.release();
    await hanging.delivered(MESSAGES);
    expect(new Set(receiver.at('/hanging').map(({ id }) => id)).size).toBe(MESSAGES);
  });
});
