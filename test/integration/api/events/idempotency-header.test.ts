import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import type { TestAnswer } from '../../../support/client';
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

const post = (header: string, body: unknown = anEvent(), more: Record<string, string> = {}): Promise<TestAnswer> =>
  mir.client.post('/v1/events', key, body, { 'idempotency-key': header, ...more });

describe('POST /events: the Idempotency-Key header', () => {
  it('a quoted string, a bare token and the field are the same key', async () => {
    const quoted = await post('"order-7"');
    const bare = await post('order-7');
    const field = await mir.client.post('/v1/events', key, anEvent({ idempotencyKey: 'order-7' }));
    expect([quoted.status, bare.status, field.status]).toEqual([202, 202, 202]);
    expect(new Set([quoted, bare, field].map(({ body }) => body.eventId)).size).toBe(1);
  });

  it('escapes of a quoted string are undone', async () => {
    const header = await post(String.raw`"a\"b\\c"`);
    const field = await mir.client.post('/v1/events', key, anEvent({ idempotencyKey: String.raw`a"b\c` }));
    expect(field.body.eventId).toBe(header.body.eventId);
  });

  it('header and field may both be sent when they agree', async () => {
    expect((await post('"same"', anEvent({ idempotencyKey: 'same' }))).status).toBe(202);
  });

  it('header and field that differ are 400', async () => {
    expectProblem(await post('"one"', anEvent({ idempotencyKey: 'two' })), 400, 'IDEMPOTENCY_KEY_INVALID');
  });

  it('255 characters are taken, 256 are 400, quoted or bare', async () => {
    expect((await post('k'.repeat(255))).status).toBe(202);
    expect((await post(`"${'q'.repeat(255)}"`)).status).toBe(202);
    expectProblem(await post('k'.repeat(256)), 400, 'IDEMPOTENCY_KEY_INVALID');
    expectProblem(await post(`"${'q'.repeat(256)}"`), 400, 'IDEMPOTENCY_KEY_INVALID');
  });

  it.each([
    ['empty', ''],
    ['an empty string', '""'],
    ['an open quote', '"abc'],
    ['spaces inside a token', 'a b'],
    ['text after the quote', '"a"b'],
    ['characters beyond ASCII', 'caf\u00e9'],
  ])('a header that is no key is 400: %s', async (_what, header) => {
    expectProblem(await post(header), 400, 'IDEMPOTENCY_KEY_INVALID');
  });

  it.each([
    ['a batch', { events: [anEvent()] }, {}],
    ['NDJSON', JSON.stringify(anEvent()), { 'content-type': 'application/x-ndjson' }],
  ])('the header on %s is 400: a batch has a key per item', async (_what, body, headers) => {
    expectProblem(await post('"k"', body, headers), 400, 'IDEMPOTENCY_KEY_INVALID');
  });

  it('the header does not hide what is wrong with the event', async () => {
    const answer = await post('"k-9"', { ...anEvent(), weight: 99 });
    expectProblem(answer, 422, 'VALIDATION_FAILED');
    expect(errorsOf(answer)).toEqual(['weight TOO_BIG']);
  });
});
