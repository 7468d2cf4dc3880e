import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { confirmLink } from '../../../../api/links/confirm-link';
import { removeAllLinks } from '../../../../api/links/remove-links';
import { tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { MAX_IN_FLIGHT_PER_TENANT, RETRY_AFTER_MS } from '../../../../workers/webhooks/deliver-webhook';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { invite, linkUser, newPerson, auditContextForPerson } from '../../../support/link';
import { waitUntil } from '../../../support/wait-until';

interface Received {
  headers: Record<string, string>;
  body: string;
}

let mir: Harness;
let partner: TestPartner;
/** A partner's own server: what it got, and what it answers next. */
let server: http.Server;
let received: Received[] = [];
let answers: number[] = [];
/** Requests to a path of this name wait for their answer until the test lets them go. */
const SILENT = '/silent';
let waiting: http.ServerResponse[] = [];
let url: string;

beforeAll(async () => {
  mir = await startHarness({ env: { WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' } });
  server = http.createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      if (req.url === SILENT) {
        waiting.push(res);
        return;
      }
      received.push({ headers: req.headers as Record<string, string>, body: Buffer.concat(parts).toString() });
      const status = answers.shift() ?? 204;
      res.writeHead(status, status === 302 ? { location: `${url}/elsewhere` } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
});
afterAll(async () => {
  await mir.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(async () => {
  received = [];
  answers = [];
  partner = await mir.partner();
});

const setWebhook = async (key = partner.liveKey): Promise<string> => {
  const { status, body } = await mir.client.request('PUT', '/v1/partners/webhook', { key, body: { url } });
  expect(status).toBe(200);
  return body.secret as string;
};
const deliveries = () => mir.ctx.store.deliveries.model.find({ tenant: tenantOf(partner.partnerId, 'live') }).lean();
const delivered = (count: number): Promise<void> =>
  waitUntil(`${count} messages are delivered`, async () => {
    return (await deliveries()).filter(({ status }) => status === 'DELIVERED').length === count;
  });
/** Makes retries due now, as time would. */
const letTimePass = async (): Promise<void> => {
  for (const job of await mir.ctx.queues.webhooks.getDelayed()) await job.promote();
};

describe('link webhooks', () => {
  it('a link that is made and removed is told in signed Standard Webhooks messages', async () => {
    const secret = await setWebhook();
    const person = await newPerson(mir);
    const { request, userRef } = await invite(mir, partner, 'told');
    expect((await confirmLink(mir.ctx, request, person, auditContextForPerson())).kind).toBe('LINKED');
    await removeAllLinks(mir.ctx, person, auditContextForPerson(), () => Promise.resolve());
    await delivered(2);
    const messages = received.map(({ headers, body }) => new Webhook(secret).verify(body, headers)) as {
      type: string;
      timestamp: string;
      data: Record<string, string>;
    }[];
    const confirmed = messages.find(({ type }) => type === 'link.confirmed')!;
    const removed = messages.find(({ type }) => type === 'link.removed')!;
    expect(confirmed.data).toMatchObject({ userRef, linkedAt: expect.any(String) });
    expect(confirmed.data['inviteId']).toBe(request._id);
    expect(removed.data).toMatchObject({ userRef, linkId: confirmed.data['linkId'], reason: 'IDENTITY_DELETED' });
    expect(JSON.stringify(messages)).not.toContain(person);
    expect(JSON.stringify(messages)).not.toContain('told');
  });

  it('a message that is not acknowledged is sent again with the same id, and a redirect is not followed', async () => {
    await setWebhook();
    answers = [500, 302];
    await linkUser(mir, partner, 'again', await newPerson(mir));
    for (const tries of [1, 2]) {
      await waitUntil(`try ${tries} is noted`, async () => (await deliveries())[0]!.attempts === tries);
      await waitUntil('its retry is planned', async () => (await mir.ctx.queues.webhooks.getDelayedCount()) === 1);
      await letTimePass();
    }
    await delivered(1);
    expect(received).toHaveLength(3);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
  });

  it('a message is given up after the last try, and only then', async () => {
    await setWebhook();
    answers = Array.from({ length: RETRY_AFTER_MS.length + 1 }, () => 410);
    await linkUser(mir, partner, 'deaf', await newPerson(mir));
    for (let tries = 1; tries <= RETRY_AFTER_MS.length; tries += 1) {
      await waitUntil(`try ${tries} is noted`, async () => (await deliveries())[0]!.attempts === tries);
      expect((await deliveries())[0]!.status).toBe('OPEN');
      await waitUntil('its retry is planned', async () => (await mir.ctx.queues.webhooks.getDelayedCount()) === 1);
      await letTimePass();
    }
    await waitUntil('it is given up', async () => (await deliveries())[0]!.status === 'FAILED');
    expect((await deliveries())[0]).toMatchObject({ attempts: RETRY_AFTER_MS.length + 1, lastOutcome: '410' });
  });

  it('a server that never answers keeps nobody else waiting, and its own messages are sent when it answers', async () => {
    const MESSAGES = 40;
    waiting = [];
    const silent = partner;
    await mir.client.request('PUT', '/v1/partners/webhook', {
      key: silent.liveKey,
      body: { url: new URL(SILENT, url).href },
    });
    const tenant = tenantOf(silent.partnerId, 'live');
    const at = new Date();
    const row = {
      tenant,
      type: 'link.confirmed' as const,
      body: '{}',
      status: 'OPEN' as const,
      attempts: 0,
      nextLookAt: at,
      createdAt: at,
      expireAt: new Date(at.getTime() + 60_000),
    };
    const rows = Array.from({ length: MESSAGES }, (_, n) => ({
      ...row,
      _id: `msg_${n}`,
      userRef: `usr_${n}` as UserRef,
    }));
    await mir.ctx.store.transaction((session) => mir.ctx.store.deliveries.insert(rows, session), 5_000);
    for (const { _id } of rows) await mir.ctx.webhookQueue.add(_id);
    await waitUntil('its places are taken', () => waiting.length === MAX_IN_FLIGHT_PER_TENANT);

    partner = await mir.partner();
    await setWebhook();
    await linkUser(mir, partner, 'beside', await newPerson(mir));
    await delivered(1);
    const tries = await mir.ctx.store.deliveries.model.distinct('attempts', { tenant });
    expect([tries, waiting.length]).toEqual([[0], MAX_IN_FLIGHT_PER_TENANT]);

    partner = silent;
    await mir.client.request('PUT', '/v1/partners/webhook', { key: silent.liveKey, body: { url } });
    for (const res of waiting.splice(0)) res.writeHead(204).end();
    // As the sweep finds them once their time has come.
    await mir.ctx.store.deliveries.model.updateMany({ tenant, status: 'OPEN' }, { $set: { nextLookAt: at } });
    await delivered(MESSAGES);
  });

  it('messages written while no worker ran are sent by the next one', async () => {
    await mir.stopWorkers();
    await setWebhook();
    await linkUser(mir, partner, 'later', await newPerson(mir));
    await mir.ctx.queues.webhooks.obliterate({ force: true });
    await mir.ctx.store.deliveries.model.updateMany({ status: 'OPEN' }, { $set: { nextLookAt: new Date(0) } });
    await mir.startWorkers();
    await delivered(1);
  });

  it('a webhook is set by the partner itself only, its secret is told once and sealed at rest', async () => {
    const secret = await setWebhook();
    const seen = await mir.client.get('/v1/partners/webhook', partner.liveKey);
    expect(seen.body).toEqual({ url, createdAt: expect.any(String) });
    const row = JSON.stringify(await mir.ctx.store.webhooks.get(tenantOf(partner.partnerId, 'live')));
    expect(row).not.toContain(secret);
    expect(row).not.toContain(secret.slice('whsec_'.length));
    expect((await mir.client.get('/v1/partners/webhook', partner.testKey)).status).toBe(404);
    const { body } = await mir.client.get('/v1/audit?action=webhook.set', partner.liveKey);
    expect(body.data).toHaveLength(1);
    const removed = await mir.client.request('DELETE', '/v1/partners/webhook', { key: partner.liveKey });
    expect(removed.body).toEqual({ removed: true });
    expect((await mir.client.get('/v1/partners/webhook', partner.liveKey)).status).toBe(404);
  });

  it('plain http, credentials and fragments are refused when a webhook is set', async () => {
    const strict = await startHarness({ workers: false });
    try {
      const { liveKey } = await strict.partner();
      for (const target of ['http://harbour.example/', 'https://a:b@harbour.example/', 'https://harbour.example/#x']) {
        const answer = await strict.client.request('PUT', '/v1/partners/webhook', {
          key: liveKey,
          body: { url: target },
        });
        expect([answer.status, answer.body.code]).toEqual([422, 'WEBHOOK_URL_NOT_ALLOWED']);
      }
    } finally {
      await strict.close();
    }
  });
});
