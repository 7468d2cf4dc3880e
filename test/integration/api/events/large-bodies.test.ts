import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newCountedRequest } from '../../../../shared/domain/usage';
import { newApiKey, parseApiKey } from '../../../../shared/domain/api-key';
import { newPartnerTag } from '../../../../shared/domain/ids';
import type { BatchItem } from '../../../../api/events/read-batch';
import { submitBatch } from '../../../../api/events/submit-batch';
import { anEvent, someEvents } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';

const EVENTS_PER_MINUTE = 600_000;
const KIB = 1024;
const NDJSON = { 'content-type': 'application/x-ndjson' };

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

const partnerKey = async (eventsPerMinute = EVENTS_PER_MINUTE): Promise<string> =>
  (await mir.partner({ limits: { eventsPerMinute, requestsPerMinute: 6_000 } })).liveKey;
const gzipped = (key: string, body: string): Promise<TestResponse> =>
  mir.client.post('/v1/events', key, gzipSync(body), { 'content-encoding': 'gzip' });
const left = ({ headers }: TestResponse): number => Number(/;r=(\d+);/.exec(headers.get('ratelimit') ?? '')?.[1]);

/** Returns batch items that count how often their values are read. */
function countedItems(count: number): { items: BatchItem[]; reads: () => number } {
  let reads = 0;
  const items = Array.from({ length: count }, () => ({
    get value(): unknown {
      reads += 1;
      return anEvent();
    },
  }));
  return { items, reads: () => reads };
}

describe('POST /v1/events with a batch', () => {
  it.each([
    ['an unknown key', () => newApiKey('live', newPartnerTag()).key, 'API_KEY_INVALID'],
    ['a budget smaller than the batch', () => partnerKey(10), 'BATCH_EXCEEDS_LIMIT'],
  ])('rejects a batch before reading any item: %s', async (_what, keyText, code) => {
    const { items, reads } = countedItems(100);
    const sent = {
      items,
      sentBytes: 1_000,
      key: parseApiKey(await keyText())!,
      requestId: 'r',
      counted: newCountedRequest('events'),
    };
    const submission = submitBatch(mir.ctx, { ...sent, admitted: () => undefined });
    await expect(submission).rejects.toMatchObject({ code });
    expect(reads()).toBe(0);
  });

  it('rejects a batch with millions of items with 422 TOO_MANY_EVENTS', async () => {
    const response = await gzipped(await partnerKey(), `{"events":[${'1,'.repeat(2_500_000)}1]}`);
    expectProblem(response, 422, 'TOO_MANY_EVENTS');
  });

  it.each([
    ['JSON', (item: string) => `{"events":[${JSON.stringify(anEvent())},${item}]}`, {}],
    ['NDJSON', (item: string) => `${JSON.stringify(anEvent())}\n${item}`, NDJSON],
  ])('rejects an item over 32 KiB in %s without parsing it, and accepts the rest', async (_form, body, headers) => {
    const huge = JSON.stringify({ ...anEvent(), metadata: { text: 'x'.repeat(140 * KIB) } });
    const response = await mir.client.post('/v1/events', await partnerKey(), body(huge), headers);
    expect(response.body).toMatchObject({ accepted: 1, rejected: 1 });
    expect(response.body.errors).toEqual([{ index: 1, path: '', code: 'TOO_LARGE', message: expect.any(String) }]);
  });

  it('charges for reading a batch that exceeds the budget', async () => {
    const key = await partnerKey(1_000);
    const response = await gzipped(
      key,
      JSON.stringify({ events: someEvents(3_000, { metadata: { a: 'x'.repeat(500) } }) }),
    );
    expectProblem(response, 422, 'BATCH_EXCEEDS_LIMIT');
    expect(left(await mir.client.post('/v1/events', key, anEvent()))).toBeLessThan(960);
  });

  it('accepts a small or large batch that starts with a byte order mark', async () => {
    const key = await partnerKey();
    for (const events of [someEvents(2), someEvents(3_000, { metadata: { a: 'x'.repeat(100) } })]) {
      const response = await mir.client.post('/v1/events', key, `\uFEFF${JSON.stringify({ events })}`);
      expect(response.body).toMatchObject({ accepted: events.length, rejected: 0 });
    }
  });
});

describe('POST /v1/events with a single event over 32 KiB', () => {
  it.each([
    ['padded with spaces', JSON.stringify(anEvent()).padEnd(33 * KIB)],
    ['many unknown fields', JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`f${n}`, 1])))],
    ['larger than the limit for parsing in one piece', JSON.stringify(anEvent()).padEnd(200 * KIB)],
  ])('rejects a single event over 32 KiB with 413: %s', async (_what, body) => {
    const response = await mir.client.post('/v1/events', await partnerKey(), body);
    expectProblem(response, 413, 'BODY_TOO_LARGE');
    expect(response.body.detail).toMatch(/32 KiB/);
  });
});

describe('cost of rejected submissions', () => {
  it('charges the full cost of a large rejected body, so the next body is rejected without being read', async () => {
    const key = await partnerKey(100);
    const junk = ' '.repeat(5 * 1024 * KIB);
    expectProblem(await gzipped(key, junk), 413, 'BODY_TOO_LARGE');
    const next = await gzipped(key, junk);
    expectProblem(next, 429, 'RATE_LIMITED');
    expect(next.headers.get('ratelimit')).toMatch(/^"events";r=0;t=\d+$/);
    // The body costs 160 units and the budget is 100 per minute, but debt is capped at one minute's budget.
    expect(Number(next.headers.get('retry-after'))).toBeGreaterThan(30);
    expect(Number(next.headers.get('retry-after'))).toBeLessThanOrEqual(61);
  });

  it("does not charge the partner for submissions that exceed an agent's own limit", async () => {
    const partner = await mir.partner({ limits: { eventsPerMinute: 600, requestsPerMinute: 6_000 } });
    const agent = await insertAgent(mir.ctx.store, partner, { rateLimitPerMinute: 1 });
    const responses = await Promise.all(
      Array.from({ length: 50 }, () => mir.client.post('/v1/events', agent.apiKey, {})),
    );
    expect(responses.filter(({ status }) => status === 422)).toHaveLength(1);
    expect(responses.filter(({ status }) => status === 429)).toHaveLength(49);
    const own = await mir.client.post('/v1/events', partner.liveKey, anEvent());
    // The agent and the partner have each spent one unit. If the 49 rejected submissions had been charged too, those
    // units would take five seconds to refill.
    expect(left(own)).toBeGreaterThanOrEqual(598);
  });

  it('charges for invalid gzip based on its compressed size', async () => {
    const key = await partnerKey();
    const response = await mir.client.post('/v1/events', key, 'xx', { 'content-encoding': 'gzip' });
    expectProblem(response, 400, 'INVALID_ENCODING');
    expect(left(response)).toBe(EVENTS_PER_MINUTE - 1);
  });

  it('does not include long field names in errors', async () => {
    const response = await mir.client.post('/v1/events', await partnerKey(), { ['k'.repeat(30 * KIB)]: 1 });
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(JSON.stringify(response.body).length).toBeLessThan(2 * KIB);
  });
});
