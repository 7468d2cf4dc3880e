import type { Runtime } from '../../shared/runtime';
import { allowSpawning, register, spawn } from './agents';
import { anEvent, someEvents } from './builders';
import type { ApiClient } from './client';
import { insertPartner } from './harness';
import { waitUntil } from './wait-until';

/** One more application than an IP address may send per hour. */
const APPLICATIONS = 6;

async function waitForFinalized(client: ApiClient, key: string, receiptId: string): Promise<void> {
  await waitUntil('the events are finalized', async () => {
    const { body } = await client.get(`/v1/events/receipts/${receiptId}`, key);
    return body.status !== 'QUEUED';
  });
}

async function sendEvents(client: ApiClient, key: string): Promise<string[]> {
  const single = anEvent({ userExternalId: 'customer-1', idempotencyKey: 'order-1' });
  const first = await client.post('/v1/events', key, single);
  await client.post('/v1/events', key, { events: someEvents(30) });
  await client.post('/events', key, { events: [{ nothing: true }, anEvent(), single] });
  await waitForFinalized(client, key, first.body.receiptId);
  const other = anEvent({ userExternalId: 'customer-2', idempotencyKey: 'order-1' });
  const last = await client.post('/v1/events', key, { events: [other] });
  await client.post('/v1/events', key, {});
  await client.post('/v1/events', key, '{');
  await waitForFinalized(client, key, last.body.receiptId);
  for (const userExternalId of ['customer-1', 'unknown-1', 'unknown-2'])
    await client.post('/v1/resolve', key, { userExternalId });
  await client.get('/v1/events?userExternalId=customer-1', key);
  await client.get(`/v1/events/${first.body.eventId}`, key);
  return [first.body.eventId, first.body.receiptId, last.body.receiptId, 'customer-1', 'order-1'];
}

async function killTree(client: ApiClient, key: string): Promise<string[]> {
  const root = await register(client, key);
  const child = await spawn(client, key, root.id);
  const kill = await client.post(`/v1/agents/${root.id}/revoke-descendants`, key, {});
  await waitUntil('the cascade is closed', async () => {
    const { body } = await client.get(`/v1/cascades/${kill.body.cascadeId}`, key);
    return body.status === 'CLOSED';
  });
  await client.get('/v1/audit', key);
  return [root.id, root.key, child.id, child.key, kill.body.cascadeId];
}

/**
 * Sends valid and invalid requests of every kind and waits until the workers have processed them. Returns the IDs, keys
 * and users in these requests, which must not appear anywhere except in responses.
 */
export async function playTraffic(client: ApiClient, store: Runtime['store'], adminToken: string): Promise<string[]> {
  const partner = await insertPartner(store);
  const poor = await insertPartner(store, { limits: { eventsPerMinute: 1, requestsPerMinute: 1 } });
  const key = partner.liveKey;
  await allowSpawning(client, partner);
  const names = [...(await sendEvents(client, key)), ...(await killTree(client, key))];
  for (const send of [1, 2]) {
    await client.post('/v1/events', poor.liveKey, anEvent({ userExternalId: `u-${send}` }));
    await client.post('/v1/resolve', poor.liveKey, { userExternalId: 'u' });
  }
  for (let n = 0; n < APPLICATIONS; n += 1) {
    const contactEmail = `a${n}@harbour.example`;
    const application = { name: 'Harbour', website: 'https://harbour.example', contactEmail, useCase: 'Orders' };
    await client.post('/partners/applications', undefined, application);
  }
  await client.request('GET', '/admin/partners', { headers: { 'x-admin-token': adminToken } });
  await client.get('/admin/partners');
  await client.get('/v1/events', 'mir_live_nonsense');
  for (const path of ['/healthz', '/readyz', '/openapi.json', '/nowhere', '/v1/events/%zz']) await client.get(path);
  await client.request('DELETE', '/v1/resolve');
  return [...names, partner.partnerId, partner.liveKey, partner.key.tag, poor.partnerId, poor.liveKey];
}
