import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../../../shared/domain/api-key';
import { newPartnerTag, tenantOf } from '../../../../shared/domain/ids';
import { checkBatch } from '../../../../api/events/submit-batch';
import { MAX_LISTED_ERRORS } from '../../../../shared/errors';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';

const EVENTS_PER_MINUTE = 600_000;
const JUNK_ITEMS = 5_000;
const NDJSON = { 'content-type': 'application/x-ndjson' };

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

const partner = () => mir.partner({ limits: { eventsPerMinute: EVENTS_PER_MINUTE, requestsPerMinute: 6_000 } });
/** Returns a key that has a correct checksum but was never issued. */
const unknownKey = (): string => newApiKey('live', newPartnerTag()).key;
const junkFields = (fields: number) => Object.fromEntries(Array.from({ length: fields }, (_, n) => [`f${n}`, 1]));
const junkBatch = (items: number, fields: number): string =>
  JSON.stringify({ events: Array.from({ length: items }, () => junkFields(fields)) });
const gzipped = (key: string, body: string): Promise<TestResponse> =>
  mir.client.post('/v1/events', key, gzipSync(body), { 'content-encoding': 'gzip' });
/** Returns how many units a new partner has spent, computed from the rate-limit header of its latest response. */
const spent = ({ headers }: TestResponse): number => {
  const [, policy, left] = /^"(\w+)";r=(\d+);/.exec(headers.get('ratelimit') ?? '') ?? [];
  expect(policy).toBe('events');
  return EVENTS_PER_MINUTE - Number(left);
};
const rejectedItems = async (): Promise<number> => {
  const { values } = await mir.ctx.metrics.registry.getSingleMetric('mir_events_submitted_total')!.get();
  return values.find(({ labels }) => labels['answer'] === 'refused')!.value;
};
const openChunks = (tenant: ReturnType<typeof tenantOf>): Promise<number> =>
  mir.ctx.queueLink.client.zcard(mir.ctx.keys.openChunks(tenant));

describe('event submissions with an unknown key', () => {
  it.each([
    ['a small batch', `{"events":[${'1,'.repeat(JUNK_ITEMS - 1)}1]}`, {}],
    ['small NDJSON', '{}\n'.repeat(JUNK_ITEMS), NDJSON],
    ['a large batch', junkBatch(JUNK_ITEMS, 10), {}],
  ])('returns 401 for an unknown key and does not count the items in %s as rejected', async (_what, body, headers) => {
    const before = await rejectedItems();
    expectProblem(await mir.client.post('/v1/events', unknownKey(), body, headers), 401, 'API_KEY_INVALID');
    expect(await rejectedItems()).toBe(before);
  });
});

describe('cost of rejected submissions', () => {
  it('charges one unit per item, including each rejected item', async () => {
    const { liveKey } = await partner();
    const response = await gzipped(liveKey, junkBatch(JUNK_ITEMS, 110));
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(spent(response)).toBe(JUNK_ITEMS);
  });

  it('charges one unit per 32 KiB when that costs more than one unit per item', async () => {
    const { liveKey } = await partner();
    const response = await mir.client.post('/v1/events', liveKey, `{"events":[${' '.repeat(100 * 1024)}]}`);
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(spent(response)).toBe(4);
  });

  it('charges one unit per 32 KiB for a body over the size limit', async () => {
    const { liveKey } = await partner();
    const response = await gzipped(liveKey, ' '.repeat(6 * 1024 * 1024));
    expectProblem(response, 413, 'BODY_TOO_LARGE');
    expect(spent(response)).toBe(160);
  });

  it('charges at least one unit per line for NDJSON with too many lines', async () => {
    const { liveKey } = await partner();
    const response = await mir.client.post('/v1/events', liveKey, '{}\n'.repeat(JUNK_ITEMS + 1), NDJSON);
    expectProblem(response, 422, 'TOO_MANY_EVENTS');
    expect(spent(response)).toBeGreaterThan(JUNK_ITEMS);
  });

  it('returns 429 for invalid submissions when the budget is exhausted', async () => {
    const { liveKey } = await mir.partner({ limits: { eventsPerMinute: 5, requestsPerMinute: 6_000 } });
    expect((await mir.client.post('/v1/events', liveKey, { events: someEvents(5) })).status).toBe(202);
    expectProblem(await mir.client.post('/v1/events', liveKey, { events: [1] }), 429, 'RATE_LIMITED');
    expectProblem(await mir.client.post('/v1/events', liveKey, '{'), 429, 'RATE_LIMITED');
    expectProblem(await gzipped(liveKey, junkBatch(JUNK_ITEMS, 110)), 429, 'RATE_LIMITED');
  });

  it('leaves no open chunk to hold back the watermark when a batch is rejected', async () => {
    const { liveKey, partnerId } = await partner();
    expectProblem(await mir.client.post('/v1/events', liveKey, junkBatch(1_200, 2)), 422, 'VALIDATION_FAILED');
    expect(await openChunks(tenantOf(partnerId, 'live'))).toBe(0);
  });

  it('opens only the chunks that the accepted items in a batch need', async () => {
    const { liveKey, partnerId } = await partner();
    const events = [...someEvents(10), ...Array.from({ length: 1_200 }, () => 1)];
    const response = await mir.client.post('/v1/events', liveKey, { events });
    expect(response.body).toMatchObject({ accepted: 10, rejected: 1_200 });
    expect(await openChunks(tenantOf(partnerId, 'live'))).toBe(1);
  });

  it('charges an AI agent that sends too many items, and does not leave an open chunk', async () => {
    const owner = await partner();
    const agent = await insertAgent(mir.ctx.store, owner);
    const response = await mir.client.post('/v1/events', agent.apiKey, { events: someEvents(101) });
    expectProblem(response, 422, 'BULK_LIMIT_EXCEEDED');
    expect(spent(response)).toBe(101);
    expect(await openChunks(agent.tenant)).toBe(0);
  });
});

describe('errors for an event submission', () => {
  it(`lists at most ${MAX_LISTED_ERRORS} errors for a batch and sets errorsTruncated`, async () => {
    const { liveKey } = await partner();
    const rejected = await gzipped(liveKey, junkBatch(JUNK_ITEMS, 110));
    expect(rejected.body.errors).toHaveLength(MAX_LISTED_ERRORS);
    expect(rejected.body.errorsTruncated).toBe(true);
    const events = [anEvent(), ...Array.from({ length: 1_000 }, () => junkFields(2))];
    const partly = await mir.client.post('/v1/events', liveKey, { events });
    expect(partly.body).toMatchObject({ accepted: 1, rejected: 1_000, errorsTruncated: true });
    expect(partly.body.errors).toHaveLength(MAX_LISTED_ERRORS);
  });

  it('applies the same limit to the errors listed for an individually submitted event', async () => {
    const { liveKey } = await partner();
    const response = await mir.client.post('/v1/events', liveKey, junkFields(2_000));
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(response.body.errors).toHaveLength(MAX_LISTED_ERRORS);
    expect(response.body.errorsTruncated).toBe(true);
  });

  it('omits errorsTruncated when every error is listed', async () => {
    const { liveKey } = await partner();
    const response = await mir.client.post('/v1/events', liveKey, { events: [anEvent(), {}] });
    expect(response.body).not.toHaveProperty('errorsTruncated');
  });
});

describe('JSON nesting limit', () => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

  it.each([
    ['arrays', nested(33)],
    ['objects', `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`],
    ['a batch item', `{"events":[${JSON.stringify(anEvent())},${nested(100_000)}]}`],
    ['5 MiB of opening brackets', '['.repeat(5 * 1024 * 1024)],
    ['brackets after an escaped quote', `{"a":"\\"","b":${nested(40)}}`],
  ])('rejects more than 32 levels of nesting with 400 INVALID_JSON: %s', async (_what, body) => {
    const { liveKey } = await partner();
    const response = await gzipped(liveKey, body);
    expectProblem(response, 400, 'INVALID_JSON');
    expect(response.body.detail).toMatch(/32 levels/);
  });

  it.each([
    ['32 levels', nested(32)],
    ['brackets inside a string', JSON.stringify({ a: nested(50) })],
    ['brackets after an escaped backslash and quote', JSON.stringify({ a: `\\"${nested(50)}` })],
  ])('does not reject %s as nested too deeply', async (_what, body) => {
    const { liveKey } = await partner();
    expectProblem(await mir.client.post('/v1/events', liveKey, body), 422, 'VALIDATION_FAILED');
  });

  it('rejects only the NDJSON line that is nested too deeply', async () => {
    const { liveKey } = await partner();
    const body = `${JSON.stringify(anEvent())}\n${nested(5_000)}\n${JSON.stringify(anEvent())}`;
    const response = await mir.client.post('/v1/events', liveKey, body, NDJSON);
    expect(response.body).toMatchObject({ accepted: 2, rejected: 1 });
    expect(response.body.errors).toMatchObject([{ index: 1, code: 'INVALID_JSON' }]);
  });

  it('also rejects deep nesting on routes that accept only small bodies', async () => {
    const { liveKey } = await partner();
    expectProblem(await mir.client.post('/v1/resolve', liveKey, nested(33)), 400, 'INVALID_JSON');
  });
});

describe('a large batch of events', () => {
  it('accepts a large batch that is pretty-printed and contains brackets in strings', async () => {
    const { liveKey } = await partner();
    const events = someEvents(3_000, { metadata: { text: `]},{"\\${'x'.repeat(100)}` } });
    const response = await mir.client.post('/v1/events', liveKey, JSON.stringify({ events }, null, 2));
    expect(response.body).toMatchObject({ accepted: 3_000, rejected: 0, errors: [] });
  });

  it.each([
    ['an unclosed array', (body: string) => body.slice(0, -2)],
    ['an empty element', (body: string) => body.replace('},{', '},,{')],
    ['a trailing comma', (body: string) => body.replace(']}', ',]}')],
    ['trailing text', (body: string) => `${body}x`],
    ['a malformed item', (body: string) => body.replace('"u-7"', 'u-7')],
  ])('rejects a large batch with %s as INVALID_JSON', async (_what, damage) => {
    const { liveKey } = await partner();
    const body = damage(JSON.stringify({ events: someEvents(3_000, { metadata: { text: 'x'.repeat(100) } }) }));
    expectProblem(await mir.client.post('/v1/events', liveKey, body), 400, 'INVALID_JSON');
  });

  it('rejects a large batch with unexpected top-level fields and describes the expected format', async () => {
    const { liveKey } = await partner();
    const events = someEvents(3_000, { metadata: { text: 'x'.repeat(100) } });
    const after = await mir.client.post('/v1/events', liveKey, { events, source: 'import' });
    expectProblem(after, 422, 'VALIDATION_FAILED');
    expect(after.body.detail).toMatch(/"events"/);
    const before = await mir.client.post('/v1/events', liveKey, { source: 'import', events });
    expectProblem(before, 413, 'BODY_TOO_LARGE');
    expect(before.body.detail).toMatch(/"events"/);
  });

  it('yields to the event loop while validating a large batch', async () => {
    const { partnerId } = await partner();
    const items = Array.from({ length: JUNK_ITEMS }, () => ({ value: junkFields(110) }));
    let turns = 0;
    let done = false;
    const count = (): void => {
      turns += 1;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    const tenant = tenantOf(partnerId, 'live');
    const batch = await checkBatch(mir.ctx, tenant, { items, sentBytes: 4_000_000 }, Date.now(), null);
    done = true;
    expect(batch.good).toEqual([]);
    // Validation takes about 60 ms, in slices of a few milliseconds.
    expect(turns).toBeGreaterThan(3);
  });
});
