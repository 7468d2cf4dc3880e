import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { MAX_DELETION_NOTICE_DELAY_MS } from '../../../../api/links/announce-link';
import { confirmLink } from '../../../../api/links/confirm-link';
import { removeAllLinks } from '../../../../api/links/remove-links';
import { tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { MAX_IN_FLIGHT_PER_ENDPOINT } from '../../../../workers/webhooks/delivery-permits';
import { RETRY_AFTER_MS } from '../../../../workers/webhooks/deliver-webhook';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { invite, linkUser, newPerson, auditContextForPerson, unlinkUser } from '../../../support/link';
import { waitUntil } from '../../../support/wait-until';

interface Received {
  headers: Record<string, string>;
  body: string;
}

let mir: Harness;
let partner: TestPartner;
/** The partner's webhook server. */
let server: http.Server;
let url: string;
let received: Received[] = [];
/** Status codes of the next responses. When the list is empty, the server responds with 204. */
let nextStatuses: number[] = [];
/** Requests to this path get no response until the test releases them. */
const SILENT = '/silent';
let unanswered: http.ServerResponse[] = [];

beforeAll(async () => {
  mir = await startHarness({ env: { WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' } });
  server = http.createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      if (req.url === SILENT) {
        unanswered.push(res);
        return;
      }
      received.push({ headers: req.headers as Record<string, string>, body: Buffer.concat(parts).toString() });
      const status = nextStatuses.shift() ?? 204;
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
  nextStatuses = [];
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
/** Makes delayed retries due immediately. */
const promoteRetries = async (): Promise<void> => {
  for (const job of await mir.ctx.queues.webhooks.getDelayed()) await job.promote();
};

describe('link webhooks', () => {
  it('announces link creation and removal in signed Standard Webhooks messages', async () => {
    const secret = await setWebhook();
    const person = await newPerson(mir);
    const { request, userRef } = await invite(mir, partner, 'raw-user-id');
    expect((await confirmLink(mir.ctx, request, person, auditContextForPerson())).kind).toBe('LINKED');
    await delivered(1);
    await unlinkUser(mir, person, userRef);
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
    expect(removed.data).toMatchObject({ userRef, linkId: confirmed.data['linkId'], reason: 'UNLINKED' });
    expect(JSON.stringify(messages)).not.toContain(person);
    expect(JSON.stringify(messages)).not.toContain('raw-user-id');
  });

  it('announces the deletion of a MIR account at an independent random time for each link', async () => {
    const LINKS = 30;
    await setWebhook();
    const person = await newPerson(mir);
    for (let n = 0; n < LINKS; n += 1) await linkUser(mir, partner, `u-${n}`, person);
    await delivered(LINKS);
    const startedAt = Date.now();
    await removeAllLinks(mir.ctx, person, auditContextForPerson(), () => Promise.resolve());
    const endedAt = Date.now();
    const messages = (await deliveries()).filter(({ type }) => type === 'link.removed');
    const dueAfterMs = messages.map(({ nextLookAt }) => nextLookAt.getTime() - startedAt).sort((a, b) => a - b);
    expect(dueAfterMs).toHaveLength(LINKS);
    expect(dueAfterMs[0]).toBeGreaterThanOrEqual(0);
    expect(dueAfterMs.at(-1)).toBeLessThan(MAX_DELETION_NOTICE_DELAY_MS + endedAt - startedAt);
    // A uniform delay misses either of these bounds less than once in 500 million runs.
    expect(dueAfterMs[0]).toBeLessThan(MAX_DELETION_NOTICE_DELAY_MS / 2);
    expect(dueAfterMs.at(-1)).toBeGreaterThan(MAX_DELETION_NOTICE_DELAY_MS / 2);
    const jobs = await mir.ctx.queues.webhooks.getJobs();
    const ids = new Set(messages.map(({ _id }) => _id));
    expect(jobs.filter(({ data }) => ids.has((data as { id: string }).id))).toEqual([]);

    // The sweep sends a message once it is due.
    const { _id } = messages[0]!;
    await mir.ctx.store.deliveries.model.updateOne(
      { _id },
      { $set: { nextLookAt: new Date(), visibleAt: new Date() } },
    );
    await delivered(LINKS + 1);
    expect(received.at(-1)!.headers['webhook-id']).toBe(_id);
  });

  it('resends an unacknowledged message with the same ID and does not follow redirects', async () => {
    await setWebhook();
    nextStatuses = [500, 302];
    await linkUser(mir, partner, 'again', await newPerson(mir));
    for (const attempts of [1, 2]) {
      await waitUntil(`attempt ${attempts} is recorded`, async () => (await deliveries())[0]!.attempts === attempts);
      await waitUntil('the retry is scheduled', async () => (await mir.ctx.queues.webhooks.getDelayedCount()) === 1);
      await promoteRetries();
    }
    await delivered(1);
    expect(received).toHaveLength(3);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
  });

  it('marks a message as FAILED only after the last attempt', async () => {
    await setWebhook();
    nextStatuses = Array.from({ length: RETRY_AFTER_MS.length + 1 }, () => 410);
    await linkUser(mir, partner, 'u-1', await newPerson(mir));
    for (let attempts = 1; attempts <= RETRY_AFTER_MS.length; attempts += 1) {
      await waitUntil(`attempt ${attempts} is recorded`, async () => (await deliveries())[0]!.attempts === attempts);
      expect((await deliveries())[0]!.status).toBe('OPEN');
      await waitUntil('the retry is scheduled', async () => (await mir.ctx.queues.webhooks.getDelayedCount()) === 1);
      await promoteRetries();
    }
    await waitUntil('the message has failed', async () => (await deliveries())[0]!.status === 'FAILED');
    expect((await deliveries())[0]).toMatchObject({ attempts: RETRY_AFTER_MS.length + 1 });
    expect((await deliveries())[0]!.attemptLog!.map(({ responseCode }) => responseCode)).toEqual(
      Array.from({ length: RETRY_AFTER_MS.length + 1 }, () => 410),
    );
  });

  it('delivers to other partners while one server does not respond, and to that server once it responds again', async () => {
    const MESSAGES = 40;
    unanswered = [];
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
    await waitUntil(
      'the limit on requests in flight is reached',
      () => unanswered.length === MAX_IN_FLIGHT_PER_ENDPOINT,
    );

    partner = await mir.partner();
    await setWebhook();
    await linkUser(mir, partner, 'u-1', await newPerson(mir));
    await delivered(1);
    const attempts = await mir.ctx.store.deliveries.model.distinct('attempts', { tenant });
    expect([attempts, unanswered.length]).toEqual([[0], MAX_IN_FLIGHT_PER_ENDPOINT]);

    partner = silent;
    await mir.client.request('PUT', '/v1/partners/webhook', { key: silent.liveKey, body: { url } });
    for (const res of unanswered.splice(0)) res.writeHead(204).end();
    // Make the messages due so that the sweep finds them.
    await mir.ctx.store.deliveries.model.updateMany({ tenant, status: 'OPEN' }, { $set: { nextLookAt: at } });
    await delivered(MESSAGES);
  });

  it('sends messages that were written while no worker was running', async () => {
    await mir.stopWorkers();
    await setWebhook();
    await linkUser(mir, partner, 'later', await newPerson(mir));
    await mir.ctx.queues.webhooks.obliterate({ force: true });
    await mir.ctx.store.deliveries.model.updateMany({ status: 'OPEN' }, { $set: { nextLookAt: new Date(0) } });
    await mir.startWorkers();
    await delivered(1);
  });

  it('returns the signing secret once, stores it encrypted and shows the webhook only to its tenant', async () => {
    const secret = await setWebhook();
    const read = await mir.client.get('/v1/partners/webhook', partner.liveKey);
    expect(read.body).toEqual({ url, createdAt: expect.any(String) });
    const row = JSON.stringify(await mir.ctx.store.webhooks.ofTenant(tenantOf(partner.partnerId, 'live')));
    expect(row).not.toContain(secret);
    expect(row).not.toContain(secret.slice('whsec_'.length));
    expect((await mir.client.get('/v1/partners/webhook', partner.testKey)).status).toBe(404);
    const { body } = await mir.client.get('/v1/audit?action=webhook.set', partner.liveKey);
    expect(body.data).toHaveLength(1);
    const removed = await mir.client.request('DELETE', '/v1/partners/webhook', { key: partner.liveKey });
    expect(removed.body).toEqual({ removed: true });
    expect((await mir.client.get('/v1/partners/webhook', partner.liveKey)).status).toBe(404);
  });
});
