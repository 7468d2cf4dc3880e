import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip, brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import type { TestAnswer } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { expectProblem } from '../../../support/problems';
import { rawRequest } from '../../../support/raw-request';

const MIB = 1024 * 1024;
const BOMB_BYTES = 200 * MIB;
const BOMBS = 10;
/** Far less than one inflated bomb, far more than buffers of 5 MiB a request need. */
const RSS_GROWTH_MAX_BYTES = 120 * MIB;

let mir: Harness;
let key: string;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  key = (await mir.partner()).liveKey;
});
afterAll(() => mir.close());

const json = JSON.stringify(anEvent());
const post = (body: string | Buffer, headers: Record<string, string> = {}, apiKey = key): Promise<TestAnswer> =>
  mir.client.post('/v1/events', apiKey, body, headers);
const queued = (): Promise<number> => mir.ctx.queues.events.getJobCountByTypes('waiting', 'prioritized');

describe('POST /events: body formats', () => {
  it('a body of exactly 5 MiB is read, one byte more is 413', async () => {
    const padded = (length: number): string => `{"events":[${json}]}`.padEnd(length, ' ');
    expect((await post(padded(5 * MIB))).status).toBe(202);
    expectProblem(await post(padded(5 * MIB + 1)), 413, 'BODY_TOO_LARGE');
  });

  it('a body of 6 MiB is 413, with the caller’s limits in the headers', async () => {
    const answer = await post(json.padEnd(6 * MIB, ' '));
    expectProblem(answer, 413, 'BODY_TOO_LARGE');
    expect(answer.headers.get('ratelimit')).toMatch(/^"events";r=\d+;t=\d+$/);
  });

  it('a chunked body that does not tell its size is 413 once it passes 5 MiB', async () => {
    const answer = await rawRequest(mir.url, {
      method: 'POST',
      path: '/v1/events',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: Readable.from(Array.from({ length: 6 }, () => Buffer.alloc(MIB, ' '))),
    });
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('a batch of junk fields is not answered with many times its own size', async () => {
    const junk = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`f${n}`, 1]));
    const sent = JSON.stringify({ events: Array.from({ length: 1_000 }, () => junk) });
    const answer = await post(sent);
    expectProblem(answer, 422, 'VALIDATION_FAILED');
    expect(JSON.stringify(answer.body).length).toBeLessThan(sent.length);
  });

  it('size is counted after decompression: 6 MiB in a few KiB of gzip is 413', async () => {
    const body = gzipSync(json.padEnd(6 * MIB, ' '));
    expect(body.length).toBeLessThan(16 * 1024);
    expectProblem(await post(body, { 'content-encoding': 'gzip' }), 413, 'BODY_TOO_LARGE');
  });

  it('gzip bombs are 413 and cost no memory', async () => {
    function* zeros(): Generator<Buffer> {
      const block = Buffer.alloc(MIB);
      for (let n = 0; n < BOMB_BYTES / MIB; n += 1) yield block;
    }
    const bomb = await buffer(Readable.from(zeros()).pipe(createGzip()));
    expect(bomb.length).toBeLessThan(MIB);
    const before = process.memoryUsage().rss;
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 5);
    const answers = await Promise.all(
      Array.from({ length: BOMBS }, () => post(bomb, { 'content-encoding': 'gzip' })),
    ).finally(() => clearInterval(watch));
    for (const answer of answers) expectProblem(answer, 413, 'BODY_TOO_LARGE');
    expect(Math.max(peak, process.memoryUsage().rss) - before).toBeLessThan(RSS_GROWTH_MAX_BYTES);
  });

  it.each([
    ['not gzip at all', Buffer.from(json)],
    ['cut short', gzipSync(json).subarray(0, 20)],
    ['a damaged checksum', Buffer.concat([gzipSync(json).subarray(0, -8), Buffer.alloc(8, 7)])],
  ])('bad gzip is 400: %s', async (_what, body) => {
    const answer = await post(body, { 'content-encoding': 'gzip' });
    expectProblem(answer, 400, 'INVALID_ENCODING');
    expect(answer.headers.get('ratelimit')).not.toBeNull();
  });

  it.each([
    ['br', brotliCompressSync(json)],
    ['deflate', deflateSync(json)],
    ['gzip, gzip', gzipSync(gzipSync(json))],
    ['zstd', Buffer.from(json)],
  ])('Content-Encoding %s is 415', async (encoding, body) => {
    expectProblem(await post(body, { 'content-encoding': encoding }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'application/json; charset=utf-16',
  ])('Content-Type %s is 415', async (type) => {
    expectProblem(await post(json, { 'content-type': type }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it('a body without a Content-Type is 415', async () => {
    const answer = await rawRequest(mir.url, {
      method: 'POST',
      path: '/v1/events',
      headers: { 'x-api-key': key },
      body: json,
    });
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  it.each([
    ['cut short', json.slice(0, -1)],
    ['a trailing comma', '{"userExternalId":"u",}'],
    ['two documents', `${json}${json}`],
    ['NaN', '{"weight":NaN}'],
    ['a raw control character in a string', '{"userExternalId":"a\u0001b"}'],
  ])('malformed JSON is 400: %s', async (_what, body) => {
    expectProblem(await post(body), 400, 'INVALID_JSON');
  });

  it.each([
    ['nothing', ''],
    ['spaces', '  \n '],
  ])('an empty body is 400: %s', async (_what, body) => {
    expectProblem(await post(body), 400, 'INVALID_JSON');
  });

  it.each([
    ['a lone continuation byte', Buffer.from([0x22, 0x80, 0x22])],
    ['an overlong form', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ])('invalid UTF-8 is 400, not replaced in silence: %s', async (_what, body) => {
    expectProblem(await post(body), 400, 'INVALID_ENCODING');
  });

  it.each([
    ['a string', '"text"'],
    ['a number', '7'],
    ['null', 'null'],
    ['a list', JSON.stringify([anEvent()])],
  ])('JSON that is no object is 422: %s', async (_what, body) => {
    expectProblem(await post(body), 422, 'VALIDATION_FAILED');
  });

  it('nesting 100,000 deep is 400 wherever it is', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const whole = await post(deep);
    const id = await post(`{"eventType":"mir.transaction.completed","userExternalId":${deep}}`);
    const metadata = await post(`${json.slice(0, -1)},"metadata":{"a":${deep}}}`);
    const events = await post(`{"events":[${deep}]}`);
    for (const answer of [whole, id, metadata, events]) expectProblem(answer, 400, 'INVALID_JSON');
  });

  it('nothing that was refused was queued', async () => {
    const before = await queued();
    await post('{"events":');
    await post(gzipSync('['), { 'content-encoding': 'gzip' });
    await post('[]');
    expect(await queued()).toBe(before);
  });
});
