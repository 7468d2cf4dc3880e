import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import { type ChunkId, newChunkId, type Tenant, tenantOf } from '../../../../shared/domain/ids';
import { queueKeys, storedPayload } from '../../../../shared/queue/bullmq-internals';
import { eventsQueue } from '../../../../shared/queue/event-chunk';
import { finalizeChunks } from '../../../../shared/queue/finalize-chunks';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { monitorCommands } from '../../../support/monitor-commands';
import { asAdmin } from '../../../support/partners';
import { waitUntil } from '../../../support/wait-until';
import { workerLink } from '../../../support/worker-link';

const TOKEN = 'taken by the test';
const CLOCK_AHEAD_MS = 120_000;
const SECRET = 'private words';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await mir.stopWorkers();
  await mir.ctx.queues.events.resume();
});

const tenant = (): Tenant => tenantOf(partner.partnerId, 'live');

/** Submits an event of each user in one chunk, and returns the chunk's ID. */
async function submit(...userExternalIds: string[]): Promise<ChunkId> {
  const events = userExternalIds.map((userExternalId) => anEvent({ userExternalId, metadata: { note: SECRET } }));
  expect((await mir.client.post('/v1/events', partner.liveKey, { events })).status).toBe(202);
  // Newest first.
  const waiting = await mir.ctx.queues.events.getJobs(['waiting']);
  return waiting.find(({ data }) => (data as { tenant: Tenant }).tenant === tenant())!.id as ChunkId;
}

/** Makes MongoDB reject a waiting chunk's last event: a BSON field name must not contain NUL. */
async function spoilLastEvent(chunkId: ChunkId): Promise<void> {
  const job = (await mir.ctx.queues.events.getJob(chunkId))!;
  (job.data.events as unknown[][]).at(-1)![6] = { 'a\0b': SECRET };
  await job.updateData(job.data);
}

const payloadOf = (chunkId: ChunkId): Promise<string | null> =>
  storedPayload(mir.ctx.queueLink.client, queueKeys(mir.ctx.keys, eventsQueue.name), chunkId);

/** Takes the next job and finalizes its chunk, as a worker does before it completes or fails the job. */
async function takeFinalized(): Promise<Job> {
  const { queueLink: link, keys, queues } = mir.ctx;
  const own = workerLink(mir.env);
  const worker = new Worker(eventsQueue.name, undefined, { ...own.bullmq, prefix: queues.events.opts.prefix! });
  mir.atClose(() => void worker.close().then(() => own.close()));
  const job = await worker.getNextJob(TOKEN);
  await finalizeChunks(link, keys, [{ chunkId: job.id as ChunkId, tenant: tenant(), shard: 0 }]);
  return job;
}

async function erase(userExternalId: string): Promise<string> {
  const { status, body } = await mir.client.post('/v1/users/erase', partner.liveKey, { userExternalId });
  expect(status).toBe(202);
  return body.receiptId as string;
}

async function statusOf(receiptId: string): Promise<string> {
  return (await mir.ctx.store.erasures.byId(receiptId))!.status;
}

const done = (receiptId: string): Promise<void> =>
  waitUntil('the erasure is done', async () => (await statusOf(receiptId)) === 'DONE');

/** Expects that a worker looked at the erasure and did not report it as DONE. */
async function expectWaiting(receiptId: string): Promise<void> {
  await waitUntil(
    'a worker has looked at the erasure',
    async () => (await mir.ctx.queues.erasures.getDelayedCount()) > 0 || (await statusOf(receiptId)) === 'DONE',
  );
  expect(await statusOf(receiptId)).toBe('RUNNING');
}

async function failed(chunkId: ChunkId): Promise<void> {
  const { events } = mir.ctx.queues;
  await waitUntil('the job has failed', async () => (await (await events.getJob(chunkId))?.isFailed()) ?? false);
}

describe('an erasure', () => {
  it('waits for a finalized chunk whose job is active, and redacts the job once it has failed', async () => {
    const chunkId = await submit('failing', 'other');
    const job = await takeFinalized();
    const receiptId = await erase('failing');
    await mir.startWorkers();
    await expectWaiting(receiptId);
    await job.moveToFailed(new UnrecoverableError('failed by the test'), TOKEN);
    await done(receiptId);
    const { events } = JSON.parse((await payloadOf(chunkId))!) as { events: unknown[][] };
    expect(events.map((row) => JSON.stringify(row).includes(SECRET))).toEqual([false, true]);
  });

  it('waits for a finalized chunk whose job is redelivered', async () => {
    const chunkId = await submit('redelivered');
    const job = await takeFinalized();
    const receiptId = await erase('redelivered');
    await mir.startWorkers();
    await expectWaiting(receiptId);
    await job.moveToWait(TOKEN);
    await done(receiptId);
    expect(await payloadOf(chunkId)).toBeNull();
  });

  it('waits for a replayed dead letter, and redacts it when it fails again', async () => {
    const chunkId = await submit('replayed', 'not-storable');
    await spoilLastEvent(chunkId);
    await mir.startWorkers();
    await failed(chunkId);
    await mir.ctx.queues.events.pause();
    expect((await asAdmin(mir.client, 'POST', `/dead-letters/${chunkId}/replay`)).status).toBe(202);
    const receiptId = await erase('replayed');
    await expectWaiting(receiptId);
    await mir.ctx.queues.events.resume();
    await done(receiptId);
    await failed(chunkId);
    const { events } = JSON.parse((await payloadOf(chunkId))!) as { events: unknown[][] };
    expect(events.map((row) => JSON.stringify(row).includes(SECRET))).toEqual([false, true]);
  });

  it('does not wait for events that were received after it', async () => {
    const receiptId = await erase('returning');
    await submit('returning');
    const job = await takeFinalized();
    await mir.startWorkers();
    await done(receiptId);
    await job.moveToWait(TOKEN);
    await mir.drained();
    const { body } = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'returning' });
    expect(body.eventCount).toBe(1);
  });

  it('waits for a chunk whose job is not queued yet, even if the clock of the worker is ahead', async () => {
    const { authorizer } = mir.ctx;
    const entry = { cost: 1, grant: 'whole' as const, chunkIds: [newChunkId(Date.now())] };
    await authorizer.authorize(partner.key, 'events', 'events:write', [entry]);
    const receiptId = await erase('not-queued');
    const now = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => now() + CLOCK_AHEAD_MS);
    await mir.startWorkers();
    await expectWaiting(receiptId);
  });

  it("reads only the tenant's own dead letters", async () => {
    const foreign = await submit('erased', 'not-storable');
    partner = await mir.partner();
    const own = await submit('erased', 'not-storable');
    for (const chunkId of [foreign, own]) await spoilLastEvent(chunkId);
    await mir.startWorkers();
    for (const chunkId of [foreign, own]) await failed(chunkId);
    const commands: string[] = [];
    const monitors = await Promise.all(
      mir.ctx.queueLink
        .primaries()
        .map((server) => monitorCommands(server, (words) => void commands.push(words.join(' ')))),
    );
    await done(await erase('erased'));
    for (const monitor of monitors) monitor.disconnect();
    const naming = (chunkId: ChunkId): boolean => commands.some((command) => command.includes(chunkId));
    expect([naming(own), naming(foreign)]).toEqual([true, false]);
    expect(await payloadOf(own)).not.toContain(`"note":"${SECRET}"`);
  });

  it('redacts dead letters of earlier versions, which did not record them for the tenant', async () => {
    const { queueLink, keys } = mir.ctx;
    const chunkId = await submit('erased', 'not-storable');
    await spoilLastEvent(chunkId);
    await mir.startWorkers();
    await failed(chunkId);
    await mir.stopWorkers();
    await queueLink.client.del(keys.finalizedChunks(tenant()));
    await mir.startWorkers();
    await done(await erase('erased'));
    expect(await payloadOf(chunkId)).not.toContain(`"note":"${SECRET}"`);
  });
});

describe('the finalized chunks of a tenant', () => {
  it('contain a dead letter until it has been replayed, and no completed chunks', async () => {
    const { queueLink, keys } = mir.ctx;
    const finalized = (): Promise<string[]> => queueLink.client.zrange(keys.finalizedChunks(tenant()), 0, -1);
    const completed = await submit('completed');
    const chunkId = await submit('completed', 'not-storable');
    await spoilLastEvent(chunkId);
    await mir.startWorkers();
    await failed(chunkId);
    await waitUntil('the completed chunk is forgotten', async () => !(await finalized()).includes(completed));
    expect(await finalized()).toEqual([chunkId]);
    const job = (await mir.ctx.queues.events.getJob(chunkId))!;
    job.data.events.pop();
    await job.updateData(job.data);
    expect((await asAdmin(mir.client, 'POST', `/dead-letters/${chunkId}/replay`)).status).toBe(202);
    await waitUntil('the replayed chunk is forgotten', async () => (await finalized()).length === 0);
    expect(await payloadOf(chunkId)).toBeNull();
  });
});
