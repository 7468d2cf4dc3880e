import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import type { ApiClient, TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { serveApi } from '../../../support/serve-api';
import { readConfig } from '../../../../shared/config/config';
import { eventJobsOf } from '../../../support/event-jobs';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
let partner: TestPartner;
let other: Awaited<ReturnType<typeof serveApi>>;
beforeAll(async () => {
  mir = await startHarness();
  partner = await mir.partner();
  other = await serveApi(readConfig(mir.env), 0);
});
afterAll(async () => {
  await other.close();
  await mir.close();
});

type Changes = Parameters<typeof anEvent>[0];
const submit = (changes: Changes, client: ApiClient = mir.client): Promise<TestResponse> =>
  client.post('/v1/events', partner.liveKey, anEvent(changes));
const receiptOf = async ({ body: { receiptId } }: TestResponse): Promise<TestResponse['body']> => {
  await mir.drained();
  return (await mir.client.get(`/v1/events/receipts/${receiptId}`, partner.liveKey)).body;
};
const erase = async (userExternalId: string): Promise<void> => {
  const { status } = await other.client.post('/v1/users/erase', partner.liveKey, { userExternalId });
  expect(status).toBe(202);
};

describe('a single event that reuses an idempotency key with different content', () => {
  it('is stored if the first event was erased through another API process', async () => {
    const first = { userExternalId: 'returns', idempotencyKey: 'k-1', weight: 1 };
    expect((await submit(first)).status).toBe(202);
    await mir.drained();
    // While the queue is paused, the worker does not delete the erased event, so the event is still stored.
    await mir.ctx.queues.erasures.pause();
    try {
      await erase('returns');
      const again = await submit({ ...first, weight: 2 });
      expect(again.status).toBe(202);
      expect(await receiptOf(again)).toMatchObject({ status: 'DONE', persisted: 1, conflicts: 0 });
    } finally {
      await mir.ctx.queues.erasures.resume();
    }
    expectProblem(await submit({ ...first, weight: 3 }), 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  it('is stored if the database rejected the first event', async () => {
    const queue = eventJobsOf(mir.ctx);
    const first = { userExternalId: 'rejected', idempotencyKey: 'k-2', metadata: { a: 1 } };
    await mir.stopWorkers();
    const failed = await submit(first);
    const [job] = await queue.getJobs(['waiting', 'prioritized']);
    // MongoDB rejects this event, because a BSON field name must not contain NUL.
    (job!.data.events as unknown[][])[0]![6] = { 'a\0b': 1 };
    await job!.updateData(job!.data);
    await mir.startWorkers();
    await waitUntil('the job has failed', () => job!.isFailed());
    expect(await receiptOf(failed)).toMatchObject({ failed: 1 });
    const fixed = await submit({ ...first, metadata: { a: 2 } });
    expect(fixed.status).toBe(202);
    expect(await receiptOf(fixed)).toMatchObject({ status: 'DONE', persisted: 1 });
  });

  it('is rejected with the time at which MIR received the stored event', async () => {
    const first = await submit({ userExternalId: 'stored', idempotencyKey: 'k-6', weight: 1 });
    await mir.drained();
    const rejected = await submit({ userExternalId: 'stored', idempotencyKey: 'k-6', weight: 2 });
    expectProblem(rejected, 422, 'IDEMPOTENCY_KEY_REUSED');
    expect(rejected.body.errors).toEqual([
      {
        path: 'idempotencyKey',
        code: 'IDEMPOTENCY_KEY_REUSED',
        message: expect.stringContaining(`different content, which MIR received at ${first.body.receivedAt}.`),
      },
    ]);
    await mir.ctx.rejections.flush();
    const { body } = await mir.client.get('/v1/rejected-events?code=IDEMPOTENCY_KEY_REUSED', partner.liveKey);
    const entry = { requestId: rejected.body.requestId, index: 0, path: 'idempotencyKey' };
    expect(body.data).toContainEqual(expect.objectContaining(entry));
  });

  it('ends as a CONFLICT if the first event is not stored yet', async () => {
    const first = { userExternalId: 'queued', idempotencyKey: 'k-3', weight: 1 };
    await mir.stopWorkers();
    const sent = await submit(first);
    const second = await submit({ ...first, weight: 2 });
    expect([sent.status, second.status]).toEqual([202, 202]);
    await mir.startWorkers();
    expect(await receiptOf(sent)).toMatchObject({ persisted: 1 });
    expect(await receiptOf(second)).toMatchObject({ persisted: 0, conflicts: 1 });
  });

  it('is accepted and ends as a CONFLICT if the database does not respond', async () => {
    const first = { userExternalId: 'unreachable', idempotencyKey: 'k-4', weight: 1 };
    const sent = await submit(first, other.client);
    await mir.drained();
    expect(sent.status).toBe(202);
    await other.ctx.store.connection.close();
    const second = await submit({ ...first, weight: 2 }, other.client);
    expect(second.status).toBe(202);
    expect(await receiptOf(second)).toMatchObject({ persisted: 0, conflicts: 1 });
  });

  it('is rejected with 429 without a database read once the budget is exhausted', async () => {
    const limited = await mir.partner({ limits: { eventsPerMinute: 2, requestsPerMinute: 100 } });
    const { connection } = mir.ctx.store;
    const collections = new Set<string>();
    connection.set('debug', (collection: string) => collections.add(collection));
    const send = (weight: number) =>
      mir.client.post('/v1/events', limited.liveKey, anEvent({ idempotencyKey: 'k-5', weight }));
    try {
      expect((await send(1)).status).toBe(202);
      await mir.drained();
      expectProblem(await send(2), 422, 'IDEMPOTENCY_KEY_REUSED');
      expect(collections).toContain('events');
      collections.clear();
      expectProblem(await send(3), 429, 'RATE_LIMITED');
      expect(collections).not.toContain('events');
    } finally {
      connection.set('debug', false);
    }
  });
});
