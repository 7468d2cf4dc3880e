import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WEBHOOK_MESSAGES } from '../../../../api/openapi/webhook-messages';
import { newApiKey } from '../../../../shared/domain/api-key';
import { type ChunkId, newId, tenantOf } from '../../../../shared/domain/ids';
import { readReceipt } from '../../../../shared/domain/receipt';
import { WEBHOOK_TYPES, type WebhookType } from '../../../../shared/domain/webhook';
import { eventsQueue } from '../../../../shared/queue/event-chunk';
import type { PartnerKey } from '../../../../shared/store/partners';
import { announceExpiringKeys, MAX_KEYS_PER_RUN } from '../../../../workers/maintenance/announce-expiring-keys';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { invite, linkUser, newPerson, unlinkUser } from '../../../support/link';
import { asAdmin } from '../../../support/partners';
import { waitUntil } from '../../../support/wait-until';
import { newEndpoint } from '../../../support/webhook-endpoints';
import { startWebhookReceiver, type WebhookReceiver } from '../../../support/webhook-receiver';

const DAY_MS = 24 * 3_600_000;

let mir: Harness;
let receiver: WebhookReceiver;
beforeAll(async () => {
  receiver = await startWebhookReceiver();
  mir = await startHarness({ env: { WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' } });
});
afterAll(async () => {
  await receiver.close();
  await mir.close();
});

let paths = 0;
/** Creates a partner with an endpoint, and returns the messages that it receives. */
async function subscribe(types?: readonly WebhookType[]) {
  const partner = await mir.partner();
  const path = `/${(paths += 1)}`;
  await newEndpoint(mir, partner, receiver.urlOf(path), types);
  const received = (type?: WebhookType) => receiver.at(path).filter((one) => type === undefined || one.type === type);
  const arrives = async (type: WebhookType, count = 1) => {
    await waitUntil(`${count} ${type} messages arrive`, () => received(type).length >= count);
    return received(type).map(({ data }) => data);
  };
  const post = async (url: string, body: unknown = {}) => {
    const response = await mir.client.post(`/v1${url}`, partner.liveKey, body);
    if (response.status > 299) throw new Error(JSON.stringify(response.body));
    return response.body;
  };
  return { partner, received, arrives, post };
}

/** Queues a chunk whose payload cannot be read. */
async function queueUnreadable({ partnerId, liveKey }: TestPartner): Promise<string> {
  await mir.stopWorkers();
  const { receiptId } = (await mir.client.post('/v1/events', liveKey, anEvent())).body;
  const tenant = tenantOf(partnerId, 'live');
  const chunkId: ChunkId = readReceipt(mir.ctx.secrets.receipt, tenant, receiptId)!.base;
  const queue = mir.ctx.queues.ofShard(eventsQueue.name, mir.ctx.keys.eventShardOf(tenant));
  const job = (await queue.getJob(chunkId))!;
  const data = job.data as { events: unknown[][] };
  await job.updateData({ ...data, events: data.events.map(([index, id]) => [index, id, 7]) });
  await mir.startWorkers();
  return receiptId;
}

describe('webhook messages', () => {
  it('announce every type with a body that matches its schema', async () => {
    const { partner, arrives, received, post } = await subscribe();
    const agent = () => insertAgent(mir.ctx.store, partner, { type: 'SERVICE_ACCOUNT', allowedEventTypes: ['*'] });

    const person = await newPerson(mir);
    const { userRef } = await invite(mir, partner, 'raw-user-id');
    await linkUser(mir, partner, 'raw-user-id', person);
    await unlinkUser(mir, person, userRef);
    expect(await arrives('link.removed')).toMatchObject([{ userRef, reason: 'UNLINKED' }]);

    const { agentId } = await agent();
    await post(`/agents/${agentId}/suspend`);
    await post(`/agents/${agentId}/suspend`);
    await post(`/agents/${agentId}/reactivate`);
    await post(`/agents/${agentId}/key/rotate`);
    await post(`/agents/${agentId}/suspend`, { includeDescendants: true });
    await post(`/agents/${agentId}/revoke`);
    const ofAgent = { agentId, parentId: null, rootId: agentId };
    const suspended = { ...ofAgent, status: 'SUSPENDED' };
    expect(await arrives('agent.suspended', 2)).toEqual(
      expect.arrayContaining([
        { ...suspended, includeDescendants: false },
        { ...suspended, includeDescendants: true },
      ]),
    );
    expect(await arrives('agent.reactivated')).toEqual([{ ...ofAgent, status: 'ACTIVE', includeDescendants: false }]);
    expect(await arrives('agent.key.rotated')).toEqual([{ ...ofAgent, status: 'ACTIVE' }]);
    expect(await arrives('agent.revoked')).toEqual([{ ...ofAgent, status: 'REVOKED' }]);

    const policy = { spawnEnabled: true, approval: { fromDepth: 1 } };
    await mir.client.request('PUT', '/v1/agents/policy', { key: partner.liveKey, body: policy });
    const parent = await agent();
    const child = await post(`/agents/${parent.agentId}/spawn`, { name: 'Child' });
    const requested = { approvalId: child.approvalId, agentId: child.agentId };
    const inTree = { parentId: parent.agentId, rootId: parent.agentId };
    expect(await arrives('agent.approval_requested')).toEqual([{ ...requested, ...inTree }]);

    const { keyId } = await post('/keys', { name: 'Rotated' });
    await post(`/keys/${keyId}/rotate`, { overlapSeconds: 0 });
    await post(`/keys/${keyId}/revoke`);
    expect(await arrives('key.rotated')).toEqual([{ keyId, previousValidUntil: null }]);
    expect(await arrives('key.revoked')).toEqual([{ keyId, revokedKeyIds: [keyId], cause: 'REQUESTED' }]);
    const leaked = await post('/keys', { name: 'Leaked' });
    await post('/keys/revoke-leaked', { apiKey: leaked.apiKey });
    expect((await arrives('key.revoked', 2))[1]).toMatchObject({ keyId: leaked.keyId, cause: 'LEAKED' });

    const { receiptId } = await post('/users/erase', { userExternalId: 'raw-user-id' });
    expect(await arrives('erasure.requested')).toEqual([{ receiptId }]);
    expect(await arrives('erasure.done')).toEqual([{ receiptId, eventsErased: 0 }]);

    const root = await agent();
    for (let n = 0; n < 3; n += 1) await insertAgent(mir.ctx.store, partner, {}, root);
    const { cascadeId } = await post(`/agents/${root.agentId}/revoke-descendants`);
    await post(`/agents/${root.agentId}/revoke-descendants`);
    const killed = { cascadeId, agentId: root.agentId };
    expect(await arrives('cascade.started')).toEqual([{ ...killed, rootId: root.agentId }]);
    expect(await arrives('cascade.closed')).toEqual([{ ...killed, revoked: 4 }]);
    expect(received('agent.revoked')).toHaveLength(1);

    const due = { expiresAt: new Date(), expiryCheckAt: new Date() };
    const expired = await insertAgent(mir.ctx.store, partner, due);
    const inOwnTree = { agentId: expired.agentId, parentId: null, rootId: expired.agentId };
    expect(await arrives('agent.expired')).toEqual([{ ...inOwnTree, status: 'EXPIRED' }]);

    const failed = await queueUnreadable(partner);
    const [failure] = await arrives('receipt.failed');
    expect(failure).toMatchObject({ receiptIds: [failed], failed: 1, codes: ['PAYLOAD_UNREADABLE'] });

    const expiresAt = new Date(Date.now() + 7 * DAY_MS + 3_600_000).toISOString();
    const expiring = await post('/keys', { name: 'Expiring', expiresAt });
    const sweep = (atMs: number) =>
      announceExpiringKeys({ store: mir.ctx.store, queue: mir.ctx.webhookQueue }, new Date(atMs));
    await sweep(Date.now());
    await sweep(Date.now() + 2 * 3_600_000);
    expect(await arrives('key.expiring')).toEqual([{ keyId: expiring.keyId, expiresAt, daysLeft: 7 }]);

    await asAdmin(mir.client, 'PATCH', `/partners/${partner.partnerId}`, { suspended: true });
    expect(await arrives('partner.suspended')).toEqual([{ partnerId: partner.partnerId }]);

    const all = received();
    expect(new Set(all.map(({ type }) => type))).toEqual(new Set(WEBHOOK_TYPES));
    for (const { type, body } of all) {
      const { error } = WEBHOOK_MESSAGES[type as WebhookType].schema.safeParse(JSON.parse(body));
      expect({ type, error }).toEqual({ type, error: undefined });
      for (const secret of ['raw-user-id', leaked.apiKey, partner.liveKey, person]) expect(body).not.toContain(secret);
    }
  });

  it('reach only endpoints of their own tenant that are subscribed to the type', async () => {
    const { partner, received, arrives, post } = await subscribe(['key.rotated']);
    const other = await subscribe();
    await newEndpoint(mir, partner, receiver.urlOf('/all'));
    const { keyId } = await post('/keys', { name: 'Any' });
    await post(`/keys/${keyId}/rotate`);
    await post(`/keys/${keyId}/revoke`);
    await waitUntil('both messages arrive', () => receiver.at('/all').length === 2);
    await arrives('key.rotated');
    expect(received().map(({ type }) => type)).toEqual(['key.rotated']);
    expect(other.received()).toEqual([]);
  });

  it('announce a chunk with failed events once, however often it is finalized', async () => {
    const { partner, arrives, received } = await subscribe();
    const receiptId = await queueUnreadable(partner);
    await arrives('receipt.failed');
    const tenant = tenantOf(partner.partnerId, 'live');
    const queue = mir.ctx.queues.ofShard(eventsQueue.name, mir.ctx.keys.eventShardOf(tenant));
    const job = (await queue.getJob(readReceipt(mir.ctx.secrets.receipt, tenant, receiptId)!.base))!;
    await waitUntil('the job failed', () => job.isFailed());
    await job.retry();
    await waitUntil(
      'it failed again',
      async () => (await queue.getJob(job.id!))!.attemptsStarted > 1 && job.isFailed(),
    );
    expect(received('receipt.failed')).toHaveLength(1);
  });

  it('name the new key when the operator replaces all keys', async () => {
    const { partner, arrives } = await subscribe();
    await asAdmin(mir.client, 'POST', `/partners/${partner.partnerId}/keys/rotate`, { env: 'live' });
    expect(await arrives('key.rotated')).toEqual([{ keyId: expect.any(String), previousValidUntil: null }]);
  });
});

describe('key.expiring', () => {
  const START = Date.parse('2035-01-01T00:00:00Z');
  const sweep = (atMs: number) =>
    announceExpiringKeys({ store: mir.ctx.store, queue: mir.ctx.webhookQueue }, new Date(atMs));
  const addKeys = async (
    { partnerId, key }: TestPartner,
    expiresAtMs: readonly number[],
    more: Partial<PartnerKey> = {},
  ) => {
    const keys = expiresAtMs.map((atMs): PartnerKey => {
      const { hash, prefix } = newApiKey('live', key.tag);
      const expiresAt = new Date(atMs);
      return { env: 'live', id: newId('key'), hash, prefix, createdAt: new Date(), expiresAt, ...more };
    });
    await mir.ctx.store.partners.model.updateOne({ _id: partnerId }, { $push: { keys: { $each: keys } } });
    return keys.map(({ id }) => id);
  };
  const announced = async ({ partnerId }: TestPartner) => {
    const tenant = tenantOf(partnerId, 'live');
    const rows = await mir.ctx.store.deliveries.model.find({ tenant, type: 'key.expiring' }).lean();
    return rows.map(({ body }) => {
      const { data } = JSON.parse(body) as { data: { keyId: string; daysLeft: number } };
      return `${data.keyId} ${data.daysLeft}`;
    });
  };

  it('is sent a week and a day before, once each, by any number of workers', async () => {
    const { partner } = await subscribe();
    await sweep(START);
    const [keyId] = await addKeys(partner, [START + 8 * DAY_MS]);
    await addKeys(partner, [START + 8 * DAY_MS], { replacedAt: new Date() });
    for (let hours = 0; hours <= 9 * 24; hours += 6) {
      const runs = await Promise.allSettled([1, 2, 3].map(() => sweep(START + hours * 3_600_000)));
      expect(runs.some(({ status }) => status === 'fulfilled')).toBe(true);
      const weekPassed = hours > 24;
      const dayPassed = hours > 7 * 24;
      const expected = [...(weekPassed ? [`${keyId} 7`] : []), ...(dayPassed ? [`${keyId} 1`] : [])];
      expect(await announced(partner)).toEqual(expected);
    }
  });

  it('is sent for many keys that expire at the same time, over several runs', async () => {
    const { partner } = await subscribe();
    const from = START + 100 * DAY_MS;
    await sweep(from);
    const count = MAX_KEYS_PER_RUN + 20;
    const ids = await addKeys(
      partner,
      Array.from({ length: count }, () => from + 7.5 * DAY_MS),
    );
    await sweep(from + DAY_MS);
    expect(await announced(partner)).toHaveLength(MAX_KEYS_PER_RUN);
    await sweep(from + DAY_MS);
    await sweep(from + DAY_MS);
    expect((await announced(partner)).toSorted()).toEqual(ids.map((id) => `${id} 7`).toSorted());
  });

  it('leaves out the week’s notice for a key that expires within a day, after an outage', async () => {
    const { partner } = await subscribe();
    const from = START + 200 * DAY_MS;
    await sweep(from);
    const [keyId] = await addKeys(partner, [from + 10 * DAY_MS]);
    await sweep(from + 9.5 * DAY_MS);
    expect(await announced(partner)).toEqual([`${keyId} 1`]);
  });
});
