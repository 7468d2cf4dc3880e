import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { errorsOf, expectProblem } from '../../../support/problems';

const MINUTE_MS = 60_000;

let mir: Harness;
let key: string;
beforeAll(async () => {
  mir = await sharedHarness();
  key = (await mir.partner()).liveKey;
});
afterAll(() => mir.close());

/** Posts an event with one field as raw JSON so that no serializer alters the value. */
const postField = (field: string, json: string): Promise<TestResponse> => {
  const { [field as 'userExternalId']: _, ...others } = anEvent() as Record<string, unknown>;
  return mir.client.post('/v1/events', key, `${JSON.stringify(others).slice(0, -1)},${JSON.stringify(field)}:${json}}`);
};
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
/** Returns metadata whose JSON is exactly this many bytes long. */
const metadataOf = (bytes: number): string => JSON.stringify({ a: 'x'.repeat(bytes - '{"a":""}'.length) });
const inMinutes = (minutes: number): string => JSON.stringify(new Date(Date.now() + minutes * MINUTE_MS));

describe('POST /v1/events with hostile input', () => {
  it.each([
    ['userExternalId', '{"$ne":1}', 'userExternalId INVALID_TYPE'],
    ['userExternalId', '["u"]', 'userExternalId INVALID_TYPE'],
    ['userExternalId', '7', 'userExternalId INVALID_TYPE'],
    ['userExternalId', '""', 'userExternalId TOO_SMALL'],
    ['userExternalId', JSON.stringify('x'.repeat(257)), 'userExternalId TOO_BIG'],
    ['userExternalId', '"a\\u0000b"', 'userExternalId INVALID_TEXT'],
    ['userExternalId', '"a\\nb"', 'userExternalId INVALID_TEXT'],
    ['userExternalId', '"\\u001b[31m"', 'userExternalId INVALID_TEXT'],
    ['userExternalId', '"a\\u007f"', 'userExternalId INVALID_TEXT'],
    ['userExternalId', '"\\ud800"', 'userExternalId INVALID_TEXT'],
    ['userExternalId', '"\\udc00\\ud800"', 'userExternalId INVALID_TEXT'],
    ['eventType', '{"$gt":""}', 'eventType INVALID_TYPE'],
    ['eventType', '"mir.transaction.completed\\n"', 'eventType INVALID_FORMAT'],
    ['eventType', '"__proto__"', 'eventType INVALID_FORMAT'],
    ['eventType', '"mir.constructor.prototype"', 'eventType UNKNOWN_EVENT_TYPE'],
    ['occurredAt', '"9999-12-31T23:59:59Z"', 'occurredAt IN_THE_FUTURE'],
    ['occurredAt', '"0000-01-01T00:00:00Z"', 'occurredAt OUT_OF_RANGE'],
    ['occurredAt', '"1969-12-31T23:59:59.999Z"', 'occurredAt OUT_OF_RANGE'],
    ['occurredAt', '"2026-02-30T00:00:00Z"', 'occurredAt INVALID_FORMAT'],
    ['occurredAt', '"2026-01-31T12:00:00"', 'occurredAt INVALID_FORMAT'],
    ['occurredAt', '"2026-01-31"', 'occurredAt INVALID_FORMAT'],
    ['occurredAt', '"yesterday"', 'occurredAt INVALID_FORMAT'],
    ['occurredAt', '1769860800000', 'occurredAt INVALID_TYPE'],
    ['occurredAt', 'null', 'occurredAt INVALID_TYPE'],
    ['weight', '-0.001', 'weight TOO_SMALL'],
    ['weight', '10.001', 'weight TOO_BIG'],
    ['weight', '1e999', 'weight INVALID_TYPE'],
    ['weight', '"1"', 'weight INVALID_TYPE'],
    ['weight', 'null', 'weight INVALID_TYPE'],
    ['metadata', '[1]', 'metadata INVALID_TYPE'],
    ['metadata', 'null', 'metadata INVALID_TYPE'],
    ['metadata', '"text"', 'metadata INVALID_TYPE'],
    ['metadata', '{"$set":{"admin":true}}', 'metadata.$set INVALID_KEY'],
    ['metadata', '{"a":[{"$where":"1"}]}', 'metadata.a.0.$where INVALID_KEY'],
    ['metadata', '{"":1}', 'metadata. INVALID_KEY'],
    ['metadata', '{"__proto__":{"polluted":true}}', 'metadata.__proto__ INVALID_KEY'],
    ['metadata', '{"a":{"__proto__":null}}', 'metadata.a.__proto__ INVALID_KEY'],
    ['metadata', '{"_bsontype":"ObjectId"}', 'metadata._bsontype INVALID_KEY'],
    ['metadata', '{"a":{"_bsontype":"Long","low":1}}', 'metadata.a._bsontype INVALID_KEY'],
    ['metadata', '{"a\\u0000b":1}', 'metadata.a\u0000b INVALID_KEY'],
    ['metadata', '{"\\ud800":1}', 'metadata.\ud800 INVALID_KEY'],
    ['metadata', '{"a":"x\\u0000y"}', 'metadata.a INVALID_TEXT'],
    ['metadata', '{"a":["\\udfff"]}', 'metadata.a.0 INVALID_TEXT'],
    ['metadata', '{"a":1e999}', 'metadata.a INVALID_NUMBER'],
    ['metadata', '{"a":{"b":[0,-1e999]}}', 'metadata.a.b.1 INVALID_NUMBER'],
    ['metadata', metadataOf(4_097), 'metadata TOO_LARGE'],
    ['idempotencyKey', '""', 'idempotencyKey TOO_SMALL'],
    ['idempotencyKey', JSON.stringify('k'.repeat(256)), 'idempotencyKey TOO_BIG'],
    ['idempotencyKey', '{"$ne":null}', 'idempotencyKey INVALID_TYPE'],
    ['idempotencyKey', '"a\\tb"', 'idempotencyKey INVALID_TEXT'],
    ['userId', '"u"', 'userId UNKNOWN_FIELD'],
    ['constructor', '{"prototype":1}', 'constructor UNKNOWN_FIELD'],
    ['__proto__', '{"weight":3}', '__proto__ UNKNOWN_FIELD'],
    ['$where', '"1"', '$where UNKNOWN_FIELD'],
  ])('rejects %s = %s and reports the error', async (field, json, error) => {
    const response = await postField(field, json);
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(errorsOf(response)).toEqual([error]);
  });

  it.each([64, 100_000])('rejects metadata nested %i levels deep before parsing the body', async (depth) => {
    expectProblem(await postField('metadata', nested(depth)), 400, 'INVALID_JSON');
  });

  it.each([17, 30])('reports metadata nested %i levels deep as TOO_DEEP', async (depth) => {
    const response = await postField('metadata', nested(depth));
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(errorsOf(response)).toEqual([expect.stringMatching(/^metadata(\.a)+ TOO_DEEP$/)]);
  });

  it.each([
    ['userExternalId', JSON.stringify('x'.repeat(256))],
    ['userExternalId', '"{\\"$ne\\":1}"'],
    ['userExternalId', '"__proto__"'],
    ['userExternalId', '"Zoë 🦊 用户"'],
    ['weight', '0'],
    ['weight', '10'],
    ['weight', '-0'],
    ['occurredAt', '"1970-01-01T00:00:00Z"'],
    ['occurredAt', '"2026-01-31T12:00:00.123456789-09:30"'],
    ['metadata', '{}'],
    ['metadata', metadataOf(4_096)],
    ['metadata', nested(16)],
    ['metadata', '{"constructor":{"prototype":1},"toString":"x","hasOwnProperty":null,"toJSON":"x","length":3}'],
    ['metadata', '{"a.b":1,"a":{"b":2},"0":"zero","_id":"mine","tenant":"other"}'],
    ['metadata', '{"n":[1.5,-0.1,1e308,9007199254740991,2147483648]}'],
    ['metadata', '{"text":"Zoë 🦊\\t\\n\\u001b"}'],
    ['idempotencyKey', JSON.stringify('k'.repeat(255))],
  ])('accepts %s = %s and stores the value unchanged', async (field, json) => {
    const sent = await postField(field, json);
    expect([sent.status, sent.body]).toEqual([202, expect.objectContaining({ status: 'ACCEPTED' })]);
    await mir.drained();
    const receipt = await mir.client.get(`/v1/events/receipts/${sent.body.receiptId}`, key);
    expect(receipt.body).toMatchObject({ status: 'DONE', persisted: 1 });
    const read = await mir.client.get(`/v1/events/${sent.body.eventId}`, key);
    expect(read.status).toBe(200);
    const sentValue: unknown = JSON.parse(json);
    if (field === 'metadata') expect(read.body.metadata).toEqual(sentValue);
    if (field === 'weight') expect(read.body.weight + 0).toBe(Number(sentValue) + 0);
    if (field === 'occurredAt') expect(Date.parse(read.body.occurredAt)).toBe(Date.parse(String(sentValue)));
    if (field === 'userExternalId') {
      const listed = await mir.client.get(`/v1/events?userExternalId=${encodeURIComponent(String(sentValue))}`, key);
      expect(listed.body.data).toEqual([{ ...read.body, userExternalId: sentValue }]);
    }
  });

  it('accepts an occurredAt four minutes in the future, but rejects one six minutes in the future', async () => {
    expect((await postField('occurredAt', inMinutes(4))).status).toBe(202);
    const response = await postField('occurredAt', inMinutes(6));
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(errorsOf(response)).toEqual(['occurredAt IN_THE_FUTURE']);
  });

  it('measures metadata in UTF-8 bytes, not characters', async () => {
    const response = await postField('metadata', JSON.stringify({ a: '🦊'.repeat(1_100) }));
    expect(errorsOf(response)).toEqual(['metadata TOO_LARGE']);
  });

  it('prevents prototype pollution in single events and in batches', async () => {
    const event = JSON.stringify(anEvent());
    const responses = [
      await postField('__proto__', '{"polluted":1}'),
      await postField('metadata', '{"__proto__":{"polluted":1}}'),
      await postField('metadata', '{"constructor":{"prototype":{"polluted":1}}}'),
      await mir.client.post('/v1/events', key, `{"events":[${event}],"__proto__":{"polluted":1}}`),
      await mir.client.post('/v1/events', key, `{"events":[{"__proto__":{"polluted":1}},${event}]}`),
    ];
    expect(responses.map(({ status }) => status)).toEqual([422, 422, 202, 422, 202]);
    await mir.drained();
    expect('polluted' in {}).toBe(false);
  });

  it('reports all problems with an event at once', async () => {
    const response = await mir.client.post('/v1/events', key, {
      eventType: 'x',
      weight: 99,
      metadata: { $a: 1 },
      b: 1,
    });
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(errorsOf(response).sort()).toEqual([
      'b UNKNOWN_FIELD',
      'eventType INVALID_FORMAT',
      'metadata.$a INVALID_KEY',
      'userExternalId REQUIRED',
      'weight TOO_BIG',
    ]);
  });

  it.each([
    ['mir.transaction.complete', 'mir.transaction.completed'],
    ['mir.acount.created', 'mir.account.created'],
    ['mir.review.post', 'mir.review.posted'],
  ])('suggests the closest known event type for %s', async (eventType, nearest) => {
    const response = await mir.client.post('/v1/events', key, anEvent({ eventType }));
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(errorsOf(response)).toEqual(['eventType UNKNOWN_EVENT_TYPE']);
    expect(response.body.errors[0].message).toContain(`Did you mean ${nearest}`);
  });

  it('refers to the catalog when no known event type is similar to the submitted type', async () => {
    const response = await mir.client.post('/v1/events', key, anEvent({ eventType: 'mir.zzzzzzzzzzzz.qqqqqqqqqqqq' }));
    expect(response.body.errors[0].message).toContain('GET /v1/event-types');
  });
});
