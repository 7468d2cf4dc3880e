import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
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
const list = async (one: TestEndpoint, query = '') => (await one.send('GET', `/deliveries${query}`)).body;
/** Makes a delivery fail for the last time. */
const exhaustRetries = async ({ webhookId, rows }: TestEndpoint, count = 1): Promise<void> => {
  const { model } = mir.ctx.store.deliveries;
  await waitUntil(
    'the first attempts were made',
    async () => (await rows()).filter((one) => one.attempts > 0).length >= count,
  );
  await model.updateMany({ endpointId: webhookId, status: 'PENDING' }, { $set: { status: 'FAILED' } });
};

describe('GET /v1/webhooks/:id/deliveries', () => {
  it('lists every attempt with its time, response code and duration', async () => {
    receiver.respond = () => (receiver.received.length === 1 ? 503 : 200);
    const hook = await endpoint();
    await hook.send('POST', '/test');
    await waitUntil('the first attempt failed', async () => (await hook.rows())[0]?.attempts === 1);
    await waitUntil('the retry is scheduled', async () => (await mir.ctx.queues.webhooks.getDelayedCount()) > 0);
    for (const job of await mir.ctx.queues.webhooks.getDelayed()) await job.promote();
    await hook.delivered(1);
    const { data, nextCursor } = await list(hook);
    const attempt = { at: expect.any(String), durationMs: expect.any(Number) };
    expect(data).toEqual([
      {
        deliveryId: expect.stringMatching(/^dlv_/),
        messageId: receiver.received[0]!.id,
        type: 'webhook.test',
        status: 'DELIVERED',
        createdAt: expect.any(String),
        attemptCount: 2,
        attempts: [
          { ...attempt, responseCode: 503 },
          { ...attempt, responseCode: 200 },
        ],
      },
    ]);
    expect(nextCursor).toBeNull();
    expect((await hook.send('GET', '')).body.failingSince).toBeNull();
  });

  it('names the error of an attempt without a response', async () => {
    const closed = await startWebhookReceiver();
    const hook = await newEndpoint(mir, partner, closed.urlOf('/'));
    await closed.close();
    await hook.send('POST', '/test');
    await waitUntil('the attempt failed', async () => (await hook.rows())[0]?.attempts === 1);
    const [delivery] = (await list(hook)).data;
    expect(delivery).toMatchObject({
      status: 'PENDING',
      attempts: [{ responseCode: null, error: 'CONNECTION_REFUSED' }],
    });
    expect((await hook.send('GET', '')).body.failingSince).toEqual(expect.any(String));
  });

  it('pages and filters by status', async () => {
    const hook = await endpoint();
    for (let n = 0; n < 3; n += 1) await hook.send('POST', '/test');
    await hook.delivered(3);
    await mir.ctx.store.deliveries.model.updateOne(
      { _id: (await hook.rows())[0]!._id },
      { $set: { status: 'FAILED' } },
    );
    const first = await list(hook, '?limit=2');
    expect(first.data).toHaveLength(2);
    const second = await list(hook, `?limit=2&cursor=${first.nextCursor}`);
    expect([second.data.length, second.nextCursor]).toEqual([1, null]);
    expect((await list(hook, '?status=FAILED')).data).toEqual(second.data);
    expect((await list(hook, '?status=DELIVERED')).data).toEqual(first.data);
    expect((await list(hook, '?status=PENDING')).data).toEqual([]);
    const other = await endpoint('/other');
    expectProblem(await other.send('GET', `/deliveries?cursor=${first.nextCursor}`), 422, 'VALIDATION_FAILED');
    expectProblem(await hook.send('GET', '/deliveries?status=OPEN'), 422, 'VALIDATION_FAILED');
  });

  it('does not show a message before it may be sent', async () => {
    const hook = await endpoint();
    await hook.send('POST', '/test');
    await hook.delivered(1);
    const { _id } = (await hook.rows())[0]!;
    const visibleAt = new Date(Date.now() + 3_600_000);
    await mir.ctx.store.deliveries.model.updateOne({ _id }, { $set: { visibleAt } });
    expect((await list(hook)).data).toEqual([]);
    expectProblem(await hook.send('POST', `/deliveries/${_id}/resend`), 404, 'NOT_FOUND');
  });
});

describe('POST /v1/webhooks/:id/deliveries/:deliveryId/resend', () => {
  it('sends the same message again, to this endpoint only', async () => {
    const [hook, other] = [await endpoint('/a'), await endpoint('/b')];
    await (
      await changesOf(mir, partner)
    )();
    await Promise.all([hook.delivered(1), other.delivered(1)]);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
    const { _id } = (await hook.rows())[0]!;
    const resent = await hook.send('POST', `/deliveries/${_id}/resend`);
    expect([resent.status, resent.body.status, resent.body.deliveryId]).toEqual([202, 'PENDING', _id]);
    await waitUntil('it arrives', () => receiver.at('/a').length === 2);
    await waitUntil('it is recorded', async () => (await hook.rows())[0]!.attempts === 2);
    const [first, second] = receiver.at('/a');
    expect([second!.id, second!.body]).toEqual([first!.id, first!.body]);
    expect(receiver.at('/b')).toHaveLength(1);
    expectProblem(await other.send('POST', `/deliveries/${_id}/resend`), 404, 'NOT_FOUND');
  });

  it('gives a failed message all of its retries again', async () => {
    receiver.respond = () => 500;
    const hook = await endpoint();
    await hook.send('POST', '/test');
    await exhaustRetries(hook);
    const { _id } = (await hook.rows())[0]!;
    await hook.send('POST', `/deliveries/${_id}/resend`);
    await waitUntil('it was attempted', async () => (await hook.rows())[0]!.attempts === 2);
    expect((await hook.rows())[0]).toMatchObject({ status: 'PENDING', retriesFrom: 1 });
  });

  it('returns 409 for a disabled endpoint', async () => {
    const hook = await endpoint();
    await hook.send('POST', '/test');
    await hook.delivered(1);
    await hook.send('PATCH', '', { enabled: false });
    const { _id } = (await hook.rows())[0]!;
    expectProblem(await hook.send('POST', `/deliveries/${_id}/resend`), 409, 'CONFLICT');
  });
});

describe('POST /v1/webhooks/:id/rotate-secret', () => {
  it('sends signatures of both secrets until the overlap ends', async () => {
    const hook = await endpoint();
    const { secret } = (await hook.send('POST', '/rotate-secret', { overlapSeconds: 3_600 })).body;
    const verifies = (by: string): boolean => {
      const { body, headers } = receiver.received.at(-1)!;
      try {
        new Webhook(by).verify(body, headers);
        return true;
      } catch {
        return false;
      }
    };
    await hook.send('POST', '/test');
    await hook.delivered(1);
    expect(receiver.received[0]!.headers['webhook-signature']!.split(' ')).toHaveLength(2);
    expect([verifies(hook.secret), verifies(secret)]).toEqual([true, true]);
    await mir.ctx.store.webhooks.model.updateOne(
      { _id: hook.webhookId },
      { $set: { 'previousSecrets.0.validUntil': new Date() } },
    );
    await hook.send('POST', '/test');
    await hook.delivered(2);
    expect([verifies(hook.secret), verifies(secret)]).toEqual([false, true]);
  });
});
