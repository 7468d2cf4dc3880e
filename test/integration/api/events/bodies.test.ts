import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip, brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { expectProblem } from '../../../support/problems';
import { rawRequest } from '../../../support/raw-request';

const MIB = 1024 * 1024;
const BOMB_BYTES = 200 * MIB;
const BOMBS = 10;
/** More memory than ten 5 MiB buffers need, but less than one inflated bomb needs. */
const RSS_GROWTH_MAX_BYTES = 120 * MIB;

let mir: Harness;
let key: string;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  key = (await mir.partner()).liveKey;
});
afterAll(() => mir.close());

const json = JSON.stringify(anEvent());
const post = (body: string | Buffer, headers: Record<string, string> = {}, apiKey = key): Promise<TestResponse> =>
  mir.client.post('/v1/events', apiKey, body, headers);
const queued = (): Promise<number> => mir.ctx.queues.events.getJobCountByTypes('waiting', 'prioritized');

describe('request body of POST /v1/events', () => {
  it('accepts a body of exactly 5 MiB and rejects a body one byte larger with 413', async () => {
    const padded = (length: number): string => `{"events":[${json}]}`.padEnd(length, ' ');
    expect((await post(padded(5 * MIB))).status).toBe(202);
    expectProblem(await post(padded(5 * MIB + 1)), 413, 'BODY_TOO_LARGE');
  });

  it('rejects a 6 MiB body with 413 and still sends the rate-limit headers', async () => {
    const response = await post(json.padEnd(6 * MIB, ' '));
    expectProblem(response, 413, 'BODY_TOO_LARGE');
    expect(response.headers.get('ratelimit')).toMatch(/^"events";r=\d+;t=\d+$/);
  });

  it('rejects a chunked body of undeclared size with 413 once it exceeds 5 MiB', async () => {
    const response = await rawRequest(mir.url, {
      method: 'POST',
      path: '/v1/events',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: Readable.from(Array.from({ length: 6 }, () => Buffer.alloc(MIB, ' '))),
    });
    expect([response.status, JSON.parse(response.text).code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('returns a response smaller than the request for a batch whose items contain only unknown fields', async () => {
    const junk = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`f${n}`, 1]));
    const sent = JSON.stringify({ events: Array.from({ length: 1_000 }, () => junk) });
    const response = await post(sent);
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(JSON.stringify(response.body).length).toBeLessThan(sent.length);
  });

  it('measures body size after decompression, and rejects 6 MiB compressed to a few KiB with 413', async () => {
    const body = gzipSync(json.padEnd(6 * MIB, ' '));
    expect(body.length).toBeLessThan(16 * 1024);
    expectProblem(await post(body, { 'content-encoding': 'gzip' }), 413, 'BODY_TOO_LARGE');
  });

  it('rejects gzip bombs with 413 without buffering the inflated data', async () => {
    function* zeros(): Generator<Buffer> {
      const block = Buffer.alloc(MIB);
      for (let n = 0; n < BOMB_BYTES / MIB; n += 1) yield block;
    }
    const bomb = await buffer(Readable.from(zeros()).pipe(createGzip()));
    expect(bomb.length).toBeLessThan(MIB);
    const before = process.memoryUsage().rss;
    let peak = before;
    const sampler = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 5);
    const responses = await Promise.all(
      Array.from({ length: BOMBS }, () => post(bomb, { 'content-encoding': 'gzip' })),
    ).finally(() => clearInterval(sampler));
    for (const response of responses) expectProblem(response, 413, 'BODY_TOO_LARGE');
    expect(Math.max(peak, process.memoryUsage().rss) - before).toBeLessThan(RSS_GROWTH_MAX_BYTES);
  });

  it.each([
    ['data that is not gzip', Buffer.from(json)],
    ['a truncated body', gzipSync(json).subarray(0, 20)],
    ['a wrong checksum', Buffer.concat([gzipSync(json).subarray(0, -8), Buffer.alloc(8, 7)])],
  ])('rejects invalid gzip with 400: %s', async (_what, body) => {
    const response = await post(body, { 'content-encoding': 'gzip' });
    expectProblem(response, 400, 'INVALID_ENCODING');
    expect(response.headers.get('ratelimit')).not.toBeNull();
  });

  it.each([
    ['br', brotliCompressSync(json)],
    ['deflate', deflateSync(json)],
    ['gzip, gzip', gzipSync(gzipSync(json))],
    ['zstd', Buffer.from(json)],
  ])('rejects Content-Encoding %s with 415', async (encoding, body) => {
    expectProblem(await post(body, { 'content-encoding': encoding }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'application/json; charset=utf-16',
  ])('rejects Content-Type %s with 415', async (type) => {
    expectProblem(await post(json, { 'content-type': type }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it('rejects a body without a Content-Type with 415', async () => {
    const response = await rawRequest(mir.url, {
      method: 'POST',
      path: '/v1/events',
      headers: { 'x-api-key': key },
      body: json,
    });
    expect([response.status, JSON.parse(response.text).code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  it.each([
    ['a truncated document', json.slice(0, -1)],
    ['a trailing comma', '{"userExternalId":"u",}'],
    ['two documents', `${json}${json}`],
    ['NaN', '{"weight":NaN}'],
    ['a raw control character in a string', '{"userExternalId":"a\u0001b"}'],
  ])('rejects malformed JSON with 400: %s', async (_what, body) => {
    expectProblem(await post(body), 400, 'INVALID_JSON');
  });

  it.each([
    ['zero bytes', ''],
    ['whitespace', '  \n '],
  ])('rejects an empty body with 400: %s', async (_what, body) => {
    expectProblem(await post(body), 400, 'INVALID_JSON');
  });

  it.each([
    ['a lone continuation byte', Buffer.from([0x22, 0x80, 0x22])],
    ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ])('rejects invalid UTF-8 with 400 instead of substituting characters: %s', async (_what, body) => {
    expectProblem(await post(body), 400, 'INVALID_ENCODING');
  });

  it.each([
    ['a string', '"text"'],
    ['a number', '7'],
    ['null', 'null'],
    ['an array', JSON.stringify([anEvent()])],
  ])('rejects JSON that is not an object with 422: %s', async (_what, body) => {
    expectProblem(await post(body), 422, 'VALIDATION_FAILED');
  });

  it('rejects JSON nested 100,000 levels deep with 400, at the root or in any field', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const root = await post(deep);
    const id = await post(`{"eventType":"mir.transaction.completed","userExternalId":${deep}}`);
    const metadata = await post(`${json.slice(0, -1)},"metadata":{"a":${deep}}}`);
    const events = await post(`{"events":[${deep}]}`);
    for (const response of [root, id, metadata, events]) expectProblem(response, 400, 'INVALID_JSON');
  });

  it('does not queue any rejected submissions', async () => {
    const before = await queued();
    await post('{"events":');
    await post(gzipSync('['), { 'content-encoding': 'gzip' });
    await post('[]');
    expect(await queued()).toBe(before);
  });
});
