import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import type { AgentDoc } from '../../../../shared/store/agents';
import { anEvent } from '../../../support/builders';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await sharedHarness();
  partner = await h.partner();
});
afterAll(() => h.close());

const createAgent = (changes: Partial<AgentDoc> = {}, parent?: TestAgent): Promise<TestAgent> =>
  insertAgent(h.ctx.store, partner, changes, parent);
const createServiceAccount = (changes: Partial<AgentDoc> = {}): Promise<TestAgent> =>
  createAgent({ type: 'SERVICE_ACCOUNT', allowedEventTypes: ['*'], ...changes });
const submit = (key: string, body: unknown, headers: Record<string, string> = {}) =>
  h.client.post('/v1/events', key, body, headers);
const openChunks = () => h.ctx.queueLink.client.zcard(h.ctx.keys.openChunks(tenantOf(partner.partnerId, 'live')));

let keys = 0;
const keyedEvent = (changes = {}) => anEvent({ idempotencyKey: `k-${(keys += 1)}`, ...changes });
const OTHER_TYPE = 'mir.review.posted';

describe('limits for an AI agent', () => {
  it('accepts an AI agent’s idempotency key in the body or in the header', async () => {
    const { apiKey } = await createAgent();
    expect(await submit(apiKey, keyedEvent())).toMatchObject({ status: 202, body: { status: 'ACCEPTED' } });
    expect((await submit(apiKey, anEvent(), { 'idempotency-key': 'from-header' })).status).toBe(202);
  });

  it('returns 400 when an AI agent sends an event without an idempotency key', async () => {
    const { apiKey } = await createAgent();
    const response = await submit(apiKey, anEvent());
    expect(response).toMatchObject({ status: 400, body: { code: 'IDEMPOTENCY_KEY_REQUIRED' } });
    expect(response.body.errors).toMatchObject([{ path: 'idempotencyKey' }]);
    expect(response.headers.get('ratelimit-policy')).toMatch(/^"events"/);
  });

  it('accepts the valid items in an AI agent’s batch and reports the invalid items', async () => {
    const { apiKey } = await createAgent();
    const events = [keyedEvent(), anEvent(), keyedEvent({ eventType: OTHER_TYPE }), keyedEvent()];
    const { status, body } = await submit(apiKey, { events });
    expect(status).toBe(202);
    expect(body).toMatchObject({ accepted: 2, rejected: 2 });
    expect(body.errors).toMatchObject([
      { index: 1, code: 'IDEMPOTENCY_KEY_REQUIRED', path: 'idempotencyKey' },
      { index: 2, code: 'EVENT_TYPE_NOT_ALLOWED', path: 'eventType' },
    ]);
    expect(body.eventIds.map((id: string | null) => id === null)).toEqual([false, true, true, false]);
  });

  it('returns 422 when no item in an AI agent’s batch is allowed', async () => {
    const { apiKey } = await createAgent();
    const response = await submit(apiKey, { events: [anEvent(), keyedEvent({ eventType: OTHER_TYPE })] });
    expect(response.status).toBe(422);
    expect(response.body.errors.map(({ code }: { code: string }) => code)).toEqual([
      'IDEMPOTENCY_KEY_REQUIRED',
      'EVENT_TYPE_NOT_ALLOWED',
    ]);
  });

  it.each(['application/json', 'application/x-ndjson'])(
    'limits an AI agent’s batch to 100 events when sent as %s',
    async (type) => {
      const { apiKey } = await createAgent();
      const send = (count: number) => {
        const events = Array.from({ length: count }, () => keyedEvent());
        const lines = events.map((event) => JSON.stringify(event)).join('\n');
        return submit(apiKey, type === 'application/json' ? { events } : lines, { 'content-type': type });
      };
      expect((await send(100)).body).toMatchObject({ accepted: 100 });
      expect(await send(101)).toMatchObject({ status: 422, body: { code: 'BULK_LIMIT_EXCEEDED' } });
    },
  );

  it('limits an AI agent to 25 users per resolve request', async () => {
    const { apiKey } = await createAgent();
    const resolve = (count: number) => {
      const userExternalIds = Array.from({ length: count }, (_, n) => `u-${n}`);
      return h.client.post('/v1/resolve', apiKey, { userExternalIds });
    };
    expect((await resolve(25)).body.results).toHaveLength(25);
    expect(await resolve(26)).toMatchObject({ status: 422, body: { code: 'BULK_LIMIT_EXCEEDED' } });
  });
});

describe('an agent’s event type allowlist', () => {
  it('returns 403 for an event type that is not on the allowlist of an AI agent or a service account', async () => {
    for (const type of ['AI_AGENT', 'SERVICE_ACCOUNT'] as const) {
      const { apiKey } = await createAgent({ type, allowedEventTypes: ['mir.review.edited', 'mir.content.*'] });
      expect((await submit(apiKey, keyedEvent({ eventType: 'mir.review.edited' }))).status).toBe(202);
      expect((await submit(apiKey, keyedEvent({ eventType: 'mir.content.posted' }))).status).toBe(202);
      const response = await submit(apiKey, keyedEvent({ eventType: OTHER_TYPE }));
      expect(response).toMatchObject({ status: 403, body: { code: 'EVENT_TYPE_NOT_ALLOWED' } });
      expect(response.body.errors).toMatchObject([{ path: 'eventType' }]);
    }
  });

  it('requires an event type to be on the allowlists of the agent and all its ancestors', async () => {
    const root = await createServiceAccount({ allowedEventTypes: ['mir.transaction.*'] });
    const middle = await createAgent({ type: 'SERVICE_ACCOUNT', allowedEventTypes: ['mir.*'] }, root);
    const leaf = await createAgent({ allowedEventTypes: ['mir.transaction.completed', OTHER_TYPE] }, middle);
    expect((await submit(leaf.apiKey, keyedEvent())).status).toBe(202);
    expect((await submit(leaf.apiKey, keyedEvent({ eventType: OTHER_TYPE }))).status).toBe(403);
    expect((await submit(leaf.apiKey, keyedEvent({ eventType: 'mir.transaction.disputed' }))).status).toBe(403);
    expect((await submit(middle.apiKey, keyedEvent({ eventType: 'mir.transaction.disputed' }))).status).toBe(202);
  });

  it('returns 422 instead of 403 for an event type that is not in the catalog', async () => {
    const { apiKey } = await createAgent();
    const response = await submit(apiKey, keyedEvent({ eventType: 'mir.review.postet' }));
    expect(response.body).toMatchObject({ status: 422, errors: [{ code: 'UNKNOWN_EVENT_TYPE' }] });
  });
});

describe('limits for a service account', () => {
  it('does not apply the limits for AI agents to a service account', async () => {
    const { apiKey } = await createServiceAccount();
    expect((await submit(apiKey, anEvent())).status).toBe(202);
    const events = Array.from({ length: 600 }, (_, n) => anEvent({ userExternalId: `u-${n}` }));
    expect((await submit(apiKey, { events })).body).toMatchObject({ accepted: 600, rejected: 0 });
    const userExternalIds = Array.from({ length: 100 }, (_, n) => `u-${n}`);
    expect((await h.client.post('/v1/resolve', apiKey, { userExternalIds })).body.results).toHaveLength(100);
  });
});

describe('agents of a partner on the STANDARD plan', () => {
  it('lets agents of a STANDARD partner read but not write', async () => {
    const { partnerId } = await h.partner({ plan: 'STANDARD' });
    const { apiKey } = await insertAgent(h.ctx.store, { partnerId });
    for (const body of [keyedEvent(), { events: [keyedEvent()] }]) {
      expect(await submit(apiKey, body)).toMatchObject({ status: 403, body: { code: 'ENTERPRISE_REQUIRED' } });
    }
    expect((await h.client.get('/v1/events', apiKey)).status).toBe(200);
    expect((await h.client.post('/v1/resolve', apiKey, { userExternalId: 'u-1' })).status).toBe(200);
  });
});

describe('events submitted by an agent', () => {
  it('stores events with the ID of their agent and lists events by agent ID', async () => {
    const [one, two] = [await createAgent(), await createAgent()];
    const [first] = [await submit(one.apiKey, keyedEvent()), await submit(two.apiKey, keyedEvent())];
    const batch = await submit(one.apiKey, { events: [keyedEvent(), keyedEvent()] });
    await submit(partner.liveKey, keyedEvent());
    await h.drained();
    const found = (await h.client.get(`/v1/events?agentId=${one.agentId}`, partner.liveKey)).body.data;
    const ids = new Set(found.map(({ eventId }: { eventId: string }) => eventId));
    expect(found).toHaveLength(3);
    expect(ids).toEqual(new Set([first.body.eventId, ...batch.body.eventIds]));
    expect(new Set(found.map((event: { agentId: string }) => event.agentId))).toEqual(new Set([one.agentId]));
    expect(await openChunks()).toBe(0);
  });

  it('checks an agent’s key and scope before validating a batch or an event', async () => {
    const { apiKey } = await createAgent({ status: 'REVOKED' });
    const events = Array.from({ length: 3_000 }, () => keyedEvent());
    expect(await submit(apiKey, { events })).toMatchObject({ status: 401, body: { code: 'AGENT_KEY_REVOKED' } });
    const reader = await createAgent({ preset: 'READ_ONLY' });
    expect(await submit(reader.apiKey, keyedEvent())).toMatchObject({ status: 403, body: { code: 'SCOPE_MISSING' } });
  });

  it('charges one unit of the events budget for each event, whether accepted or rejected', async () => {
    const { apiKey } = await createAgent({ rateLimitPerMinute: 2 });
    expect((await submit(apiKey, anEvent())).headers.get('ratelimit')).toMatch(/^"events";r=1/);
    expect((await submit(apiKey, keyedEvent())).headers.get('ratelimit')).toMatch(/^"events";r=0/);
    expect(await submit(apiKey, anEvent())).toMatchObject({ status: 429 });
    expect(await submit(apiKey, keyedEvent())).toMatchObject({ status: 429 });
  });
});
