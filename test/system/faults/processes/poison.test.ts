import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AcceptedEvent } from '../../../../shared/domain/event';
import { type ChunkId, newChunkId } from '../../../../shared/domain/ids';
import { chunkIdAt, signReceipt, STORE_REFUSED_MESSAGE } from '../../../../shared/domain/receipt';
import { encodeChunk, type EventChunk, eventsQueue } from '../../../../shared/queue/event-chunk';
import { validateEvent, assignEventId } from '../../../../api/events/validate-event';
import {
  submitUntilAccepted,
  type ExpectedState,
  waitUntilDrained,
  expectedCounts,
  remainingMarks,
  newExpectedState,
  NO_MARKS,
  receiptsOf,
  resolvedCounts,
  someEvents,
  sweepNow,
} from '../../../support/expected-state';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness } from '../../../support/harness';
import { viewQueue } from '../../../support/queue-view';
import { waitUntil } from '../../../support/wait-until';

const EVENTS = 20;
const BAD = 7;

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());

/** Creates a chunk and its open marker, as the API does. The test corrupts the chunk and adds it to the queue. */
async function openChunk({ partner, tenant }: ExpectedState): Promise<{ chunk: EventChunk; receiptId: string }> {
  const base = newChunkId(Date.now());
  const chunkId = chunkIdAt(base, 0);
  const entry = { cost: EVENTS, grant: 'whole' as const, chunkIds: [chunkId] };
  const admission = await mir.ctx.authorizer.authorize(partner.key, 'events', 'events:write', [entry]);
  const receivedAtMs = admission.nowMs!;
  const events = someEvents(EVENTS, 5).map((event, index): AcceptedEvent => {
    const validated = validateEvent(mir.ctx, tenant, event, receivedAtMs);
    if (Array.isArray(validated)) throw new Error('the event is invalid');
    return assignEventId(validated, chunkId, index);
  });
  const facts = { base, chunks: 1, slot: null, accepted: EVENTS, receivedAtMs };
  const receiptId = signReceipt(mir.ctx.secrets.receipt, tenant, facts);
  const chunk = { chunkId, tenant, agentId: null, receivedAtMs, requestIds: ['r-1'], shared: false, events };
  return { chunk, receiptId };
}

async function enqueue(chunkId: ChunkId, data: unknown): Promise<void> {
  await viewQueue(mir).queue.add(eventsQueue.name, data, { ...eventsQueue.options, jobId: chunkId });
}

async function failedReasons(): Promise<Record<string, string>> {
  const jobs = await viewQueue(mir).queue.getFailed();
  return Object.fromEntries(jobs.map((job) => [job.id, job.failedReason]));
}

async function retryAll(): Promise<void> {
  const jobs = await viewQueue(mir).queue.getFailed();
  await Promise.all(jobs.map((job) => job.retry()));
  await waitUntilDrained(mir);
  await waitUntil(
    'all jobs have failed again',
    async () => (await viewQueue(mir).queue.getFailedCount()) === jobs.length,
  );
}

describe('events and jobs that cannot be processed', () => {
  it('fails only the event that MongoDB rejects, persists the others, and does not store any of them twice on a retry', async () => {
    const expectedState = newExpectedState(await mir.partner());
    // Pauses the queue so that valid and invalid events share a commit group.
    await viewQueue(mir).queue.pause();
    await submitUntilAccepted(mir.client, expectedState, someEvents(100, 5));
    const { chunk, receiptId } = await openChunk(expectedState);
    // BSON field names must not contain NUL.
    chunk.events[BAD]!.metadata = { 'ann@private\0.example': 1 };
    await mir.ctx.eventQueue.add([chunk], { openChunks: 0, sentBytes: 100, authorizedAt: performance.now() });
    await submitUntilAccepted(mir.client, expectedState, someEvents(100, 5));
    chunk.events.forEach(({ eventId }, n) => {
      if (n !== BAD) expectedState.events.set(eventId, `u-${n % 5}`);
    });

    await viewQueue(mir).queue.resume();
    await waitUntilDrained(mir);
    const expectFinalized = async (): Promise<void> => {
      const receipt = await mir.client.get(`/v1/events/receipts/${receiptId}`, expectedState.partner.liveKey);
      expect(receipt.body).toMatchObject({
        status: 'DONE_WITH_FAILURES',
        accepted: EVENTS,
        persisted: EVENTS - 1,
        duplicates: 0,
        conflicts: 0,
        failed: 1,
        items: [
          {
            index: BAD,
            eventId: chunk.events[BAD]!.eventId,
            outcome: 'FAILED',
            code: 'STORE_REFUSED',
            message: STORE_REFUSED_MESSAGE,
          },
        ],
      });
      expect((await receiptsOf(mir.client, expectedState)).map(({ status }) => status)).toEqual(['DONE', 'DONE']);
      const stored = await mir.ctx.store.events.model.find({ tenant: expectedState.tenant }).lean();
      expect(stored.map(({ _id }) => _id as string).sort()).toEqual([...expectedState.events.keys()].sort());
      expect(await resolvedCounts(mir.client, expectedState)).toEqual(expectedCounts(expectedState));
      expect(await failedReasons()).toEqual({
        [chunk.chunkId]: `STORE_REFUSED: 1 of 20 events; first: ${STORE_REFUSED_MESSAGE}`,
      });
      expect(await remainingMarks(mir, expectedState.tenant)).toEqual(NO_MARKS);
    };
    await expectFinalized();
    await retryAll();
    await expectFinalized();
    await viewQueue(mir).queue.deleteFailed();
  });

  it('finalizes a job with an unknown payload version as FAILED and keeps the job and its failure reason', async () => {
    const expectedState = newExpectedState(await mir.partner());
    const { chunk, receiptId } = await openChunk(expectedState);
    await enqueue(chunk.chunkId, { ...encodeChunk(chunk), v: 99 });
    await waitUntilDrained(mir);
    const receipt = await mir.client.get(`/v1/events/receipts/${receiptId}`, expectedState.partner.liveKey);
    expect(receipt.body).toMatchObject({ status: 'DONE_WITH_FAILURES', persisted: 0, failed: EVENTS });
    expect(receipt.body.items[0]).toMatchObject({ index: 0, outcome: 'FAILED', code: 'PAYLOAD_UNREADABLE' });
    expect(await failedReasons()).toEqual({ [chunk.chunkId]: expect.stringMatching(/^PAYLOAD_UNREADABLE: /) });
    expect(await remainingMarks(mir, expectedState.tenant)).toEqual(NO_MARKS);

    await retryAll();
    expect(await mir.ctx.store.events.model.countDocuments({ tenant: expectedState.tenant })).toBe(0);
    await submitUntilAccepted(mir.client, expectedState, [anEvent({ userExternalId: 'u-0' })]);
    await waitUntilDrained(mir);
    expect(await resolvedCounts(mir.client, expectedState)).toEqual({ 'u-0': 1 });
    await viewQueue(mir).queue.deleteFailed();
  });

  it("finalizes receipts as DONE_WITH_FAILURES if a job's payload is garbage", async () => {
    const expectedState = newExpectedState(await mir.partner());
    const { queue } = viewQueue(mir);
    await queue.pause();
    const { liveKey } = expectedState.partner;
    const single = await mir.client.post('/v1/events', liveKey, anEvent());
    // Creates two chunks, the second of which stays readable.
    const batch = await mir.client.post('/v1/events', liveKey, { events: someEvents(700, 5) });
    const jobs = await queue.getJobs(['waiting', 'prioritized']);
    expect(jobs).toHaveLength(3);
    for (const job of jobs) {
      if (!(job.data as { chunkId: string }).chunkId.endsWith('x1')) await job.updateData('garbage');
    }
    await queue.resume();
    await waitUntilDrained(mir);
    const receiptOf = async ({ body }: { body: { receiptId: string } }) =>
      (await mir.client.get(`/v1/events/receipts/${body.receiptId}`, liveKey)).body;
    const failed = { status: 'DONE_WITH_FAILURES', duplicates: 0, conflicts: 0, settledAt: expect.any(String) };
    expect(await receiptOf(single)).toMatchObject({ ...failed, accepted: 1, persisted: 0, failed: 1 });
    expect(await receiptOf(batch)).toMatchObject({ ...failed, accepted: 700, persisted: 200, failed: 500 });
    // The worker has removed the marks without a sweep.
    expect(await remainingMarks(mir, expectedState.tenant)).toEqual(NO_MARKS);
    expect(await mir.ctx.store.events.model.countDocuments({ tenant: expectedState.tenant })).toBe(200);
    await queue.deleteFailed();
  });

  it('lets the sweep remove the open marker of a garbage job that has no reserved bytes', async () => {
    const expectedState = newExpectedState(await mir.partner());
    const { chunk } = await openChunk(expectedState);
    await enqueue(chunk.chunkId, 'garbage');
    await waitUntilDrained(mir);
    expect(await failedReasons()).toEqual({ [chunk.chunkId]: expect.stringMatching(/^PAYLOAD_UNREADABLE: /) });
    await sweepNow(mir, expectedState);
    expect(await remainingMarks(mir, expectedState.tenant)).toEqual(NO_MARKS);
  });
});
