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

const agent = (changes: Partial<AgentDoc> = {}, parent?: TestAgent): Promise<TestAgent> =>
  insertAgent(h.ctx.store, partner, changes, parent);
const service = (changes: Partial<AgentDoc> = {}): Promise<TestAgent> =>
  agent({ type: 'SERVICE_ACCOUNT', allowedEventTypes: ['*'], ...changes });
const post = (key: string, body: unknown, headers: Record<string, string> = {}) =>
  h.client.post('/v1/events', key, body, headers);
const openChunks = () => h.ctx.queueLink.client.zcard(h.ctx.keys.openChunks(tenantOf(partner.partnerId, 'live')));

let keys = 0;
const keyed = (changes = {}) => anEvent({ idempotencyKey: `k-${(keys += 1)}`, ...changes });
const OTHER_TYPE = 'mir.review.posted';

describe('an AI agent', () => {
  it('submits with an idempotency key, in the body or in the header', async () => {
    const { apiKey } = await agent();
    expect(await post(apiKey, keyed())).toMatchObject({ status: 202, body: { status: 'ACCEPTED' } });
    expect((await post(apiKey, anEvent(), { 'idempotency-key': 'from-header' })).status).toBe(202);
  });

  it('is answered 400 for an event without idempotency key', async () => {
    const { apiKey } = await agent();
    const answer = await post(apiKey, anEvent());
    expect(answer).toMatchObject({ status: 400, body: { code: 'IDEMPOTENCY_KEY_REQUIRED' } });
    expect(answer.body.errors).toMatchObject([{ path: 'idempotencyKey' }]);
    expect(answer.headers.get('ratelimit-policy')).toMatch(/^"events"/);
  });

  it('has the good items of a batch taken and the others named', async () => {
    const { apiKey } = await agent();
    const events = [keyed(), anEvent(), keyed({ eventType: OTHER_TYPE }), keyed()];
    const { status, body } = await post(apiKey, { events });
    expect(status).toBe(202);
    expect(body).toMatchObject({ accepted: 2, rejected: 2 });
    expect(body.errors).toMatchObject([
      { index: 1, code: 'IDEMPOTENCY_KEY_REQUIRED', path: 'idempotencyKey' },
      { index: 2, code: 'EVENT_TYPE_NOT_ALLOWED', path: 'eventType' },
    ]);
    expect(body.eventIds.map((id: string | null) => id === null)).toEqual([false, true, true, false]);
  });

  it('is answered 422 for a batch of which nothing is allowed', async () => {
    const { apiKey } = await agent();
    const answer = await post(apiKey, { events: [anEvent(), keyed({ eventType: OTHER_TYPE })] });
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map(({ code }: { code: string }) => code)).toEqual([
      'IDEMPOTENCY_KEY_REQUIRED',
      'EVENT_TYPE_NOT_ALLOWED',
    ]);
  });

  it.each(['application/json', 'application/x-ndjson'])('sends 100 events a batch and no more, as %s', async (type) => {
    const { apiKey } = await agent();
    const send = (count: number) => {
      const events = Array.from({ length: count }, () => keyed());
      const lines = events.map((event) => JSON.stringify(event)).join('\n');
      return post(apiKey, type === 'application/json' ? { events } : lines, { 'content-type': type });
    };
    expect((await send(100)).body).toMatchObject({ accepted: 100 });
    expect(await send(101)).toMatchObject({ status: 422, body: { code: 'BULK_LIMIT_EXCEEDED' } });
  });

  it('resolves 25 users at once and no more', async () => {
    const { apiKey } = await agent();
    const ask = (count: number) => {
      const userExternalIds = Array.from({ length: count }, (_, n) => `u-${n}`);
      return h.client.post('/v1/resolve', apiKey, { userExternalIds });
    };
    expect((await ask(25)).body.results).toHaveLength(25);
    expect(await ask(26)).toMatchObject({ status: 422, body: { code: 'BULK_LIMIT_EXCEEDED' } });
  });
});

describe('an allowlist', () => {
  it('refuses other types with 403, for both kinds of agents', async () => {
    for (const type of ['AI_AGENT', 'SERVICE_ACCOUNT'] as const) {
      const { apiKey } = await agent({ type, allowedEventTypes: ['mir.review.edited', 'mir.content.*'] });
      expect((await post(apiKey, keyed({ eventType: 'mir.review.edited' }))).status).toBe(202);
      expect((await post(apiKey, keyed({ eventType: 'mir.content.posted' }))).status).toBe(202);
      const answer = await post(apiKey, keyed({ eventType: OTHER_TYPE }));
      expect(answer).toMatchObject({ status: 403, body: { code: 'EVENT_TYPE_NOT_ALLOWED' } });
      expect(answer.body.errors).toMatchObject([{ path: 'eventType' }]);
    }
  });

  it('counts of every agent on the path: a child may do what all of them may', async () => {
    const root = await service({ allowedEventTypes: ['mir.transaction.*'] });
    const middle = await agent({ type: 'SERVICE_ACCOUNT', allowedEventTypes: ['mir.*'] }, root);
    const leaf = await agent({ allowedEventTypes: ['mir.transaction.completed', OTHER_TYPE] }, middle);
    expect((await post(leaf.apiKey, keyed())).status).toBe(202);
    expect((await post(leaf.apiKey, keyed({ eventType: OTHER_TYPE }))).status).toBe(403);
    expect((await post(leaf.apiKey, keyed({ eventType: 'mir.transaction.disputed' }))).status).toBe(403);
    expect((await post(middle.apiKey, keyed({ eventType: 'mir.transaction.disputed' }))).status).toBe(202);
  });

  it('says nothing of types that are not in the catalog: those are told as to anybody', async () => {
    const { apiKey } = await agent();
    const answer = await post(apiKey, keyed({ eventType: 'mir.review.postet' }));
    expect(answer.body).toMatchObject({ status: 422, errors: [{ code: 'UNKNOWN_EVENT_TYPE' }] });
  });
});

describe('a service account', () => {
  it('has the allowlist, but no other limit of AI agents', async () => {
    const { apiKey } = await service();
    expect((await post(apiKey, anEvent())).status).toBe(202);
    const events = Array.from({ length: 600 }, (_, n) => anEvent({ userExternalId: `u-${n}` }));
    expect((await post(apiKey, { events })).body).toMatchObject({ accepted: 600, rejected: 0 });
    const userExternalIds = Array.from({ length: 100 }, (_, n) => `u-${n}`);
    expect((await h.client.post('/v1/resolve', apiKey, { userExternalIds })).body.results).toHaveLength(100);
  });
});

describe('a downgraded partner’s agents', () => {
  it('read, and write nothing', async () => {
    const { partnerId } = await h.partner({ plan: 'STANDARD' });
    const { apiKey } = await insertAgent(h.ctx.store, { partnerId });
    for (const body of [keyed(), { events: [keyed()] }]) {
      expect(await post(apiKey, body)).toMatchObject({ status: 403, body: { code: 'ENTERPRISE_REQUIRED' } });
    }
    expect((await h.client.get('/v1/events', apiKey)).status).toBe(200);
    expect((await h.client.post('/v1/resolve', apiKey, { userExternalId: 'u-1' })).status).toBe(200);
  });
});

describe('what an agent submits', () => {
  it('is stored under its id, and found by it', async () => {
    const [one, two] = [await agent(), await agent()];
    const [first] = [await post(one.apiKey, keyed()), await post(two.apiKey, keyed())];
    const batch = await post(one.apiKey, { events: [keyed(), keyed()] });
    await post(partner.liveKey, keyed());
    await h.drained();
    const found = (await h.client.get(`/v1/events?agentId=${one.agentId}`, partner.liveKey)).body.data;
    const ids = new Set(found.map(({ eventId }: { eventId: string }) => eventId));
    expect(found).toHaveLength(3);
    expect(ids).toEqual(new Set([first.body.eventId, ...batch.body.eventIds]));
    expect(new Set(found.map((event: { agentId: string }) => event.agentId))).toEqual(new Set([one.agentId]));
    expect(await openChunks()).toBe(0);
  });

  it('is refused for its key, whatever else is wrong with a batch or an event', async () => {
    const { apiKey } = await agent({ status: 'REVOKED' });
    const events = Array.from({ length: 3_000 }, () => keyed());
    expect(await post(apiKey, { events })).toMatchObject({ status: 401, body: { code: 'AGENT_KEY_REVOKED' } });
    const reader = await agent({ preset: 'READ_ONLY' });
    expect(await post(reader.apiKey, keyed())).toMatchObject({ status: 403, body: { code: 'SCOPE_MISSING' } });
  });

  it('costs a unit of the events budget whether it is accepted or rejected', async () => {
    const { apiKey } = await agent({ rateLimitPerMinute: 2 });
    expect((await post(apiKey, anEvent())).headers.get('ratelimit')).toMatch(/^"events";r=1/);
    expect((await post(apiKey, keyed())).headers.get('ratelimit')).toMatch(/^"events";r=0/);
    expect(await post(apiKey, anEvent())).toMatchObject({ status: 429 });
    expect(await post(apiKey, keyed())).toMatchObject({ status: 429 });
  });
});
