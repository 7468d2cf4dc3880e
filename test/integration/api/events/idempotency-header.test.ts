import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { errorsOf, expectProblem } from '../../../support/problems';

let mir: Harness;
let key: string;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  key = (await mir.partner()).liveKey;
});
afterAll(() => mir.close());

const post = (header: string, body: unknown = anEvent(), headers: Record<string, string> = {}): Promise<TestResponse> =>
  mir.client.post('/v1/events', key, body, { 'idempotency-key': header, ...headers });

describe('Idempotency-Key header on POST /v1/events', () => {
  it('treats a quoted string, a bare token and the body field as the same key', async () => {
    const quoted = await post('"order-7"');
    const bare = await post('order-7');
    const field = await mir.client.post('/v1/events', key, anEvent({ idempotencyKey: 'order-7' }));
    expect([quoted.status, bare.status, field.status]).toEqual([202, 202, 202]);
    expect(new Set([quoted, bare, field].map(({ body }) => body.eventId)).size).toBe(1);
  });

  it('unescapes a quoted string in the Idempotency-Key header', async () => {
    const header = await post(String.raw`"a\"b\\c"`);
    const field = await mir.client.post('/v1/events', key, anEvent({ idempotencyKey: String.raw`a"b\c` }));
    expect(field.body.eventId).toBe(header.body.eventId);
  });

  it('accepts an Idempotency-Key header that equals the body field', async () => {
    expect((await post('"same"', anEvent({ idempotencyKey: 'same' }))).status).toBe(202);
  });

  it('returns 400 when the Idempotency-Key header differs from the body field', async () => {
    expectProblem(await post('"one"', anEvent({ idempotencyKey: 'two' })), 400, 'IDEMPOTENCY_KEY_INVALID');
  });

  it('accepts a key of 255 characters and rejects a key of 256 characters with 400, quoted or bare', async () => {
    expect((await post('k'.repeat(255))).status).toBe(202);
    expect((await post(`"${'q'.repeat(255)}"`)).status).toBe(202);
    expectProblem(await post('k'.repeat(256)), 400, 'IDEMPOTENCY_KEY_INVALID');
    expectProblem(await post(`"${'q'.repeat(256)}"`), 400, 'IDEMPOTENCY_KEY_INVALID');
  });

  it.each([
    ['an empty value', ''],
    ['an empty quoted string', '""'],
    ['an unclosed quote', '"abc'],
    ['spaces inside a token', 'a b'],
    ['text after the closing quote', '"a"b'],
    ['non-ASCII characters', 'caf\u00e9'],
  ])('rejects an invalid Idempotency-Key header with 400: %s', async (_what, header) => {
    expectProblem(await post(header), 400, 'IDEMPOTENCY_KEY_INVALID');
  });

  it.each([
    ['a batch', { events: [anEvent()] }, {}],
    ['NDJSON', JSON.stringify(anEvent()), { 'content-type': 'application/x-ndjson' }],
  ])('rejects an Idempotency-Key header on %s, whose items have their own keys', async (_what, body, headers) => {
    expectProblem(await post('"k"', body, headers), 400, 'IDEMPOTENCY_KEY_INVALID');
  });

  it('validates the event even when the Idempotency-Key header is valid', async () => {
    const response = await post('"k-9"', { ...anEvent(), weight: 99 });
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(errorsOf(response)).toEqual(['weight TOO_BIG']);
  });
});
