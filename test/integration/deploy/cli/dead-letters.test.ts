import { randomUUID } from 'node:crypto';
import { UnrecoverableError, Worker } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { queueKeys } from '../../../../shared/queue/bullmq-internals';
import { DEAD_LETTER_AGE_SECONDS } from '../../../../shared/queue/define-queue';
import { eventsQueue, MAX_EVENTS_PER_CHUNK } from '../../../../shared/queue/event-chunk';
import { queuedBytes } from '../../../../shared/queue/queued-bytes';
import { DEAD_LETTER_QUEUES, QUEUE_NAMES } from '../../../../shared/queue/queues';
import { expireDeadLetters } from '../../../../workers/maintenance/expire-dead-letters';
import { anEvent, someEvents } from '../../../support/builders';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';
import { asAdmin, auditOf } from '../../../support/partners';
import { cli } from '../../../support/cli';
import { workerLink } from '../../../support/worker-link';

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await startHarness({ workers: false });
  partner = await h.partner();
});
afterAll(() => h.close());
const mir = (...args: string[]) => cli(h.env, 'dead-letters', ...args);

/** Runs a worker that fails every waiting job permanently. */
async function failAll(): Promise<void> {
  const queue = h.ctx.queues.events;
  const link = workerLink(h.env);
  const reject = (): Promise<never> => Promise.reject(new UnrecoverableError('the disk was full'));
  const worker = new Worker(eventsQueue.name, reject, {
    ...link.bullmq,
    prefix: h.ctx.keys.queuePrefix(eventsQueue.name),
  });
  await waitUntil('all jobs have failed', async () => {
    const counts = await queue.getJobCounts('waiting', 'prioritized', 'active');
    return Object.values(counts).every((count) => count === 0);
  });
  await worker.close();
  await link.close();
}

/** Submits events that become a dead letter, and returns the dead letter's ID. */
async function createDeadLetter(userExternalId: string = randomUUID(), events = 3): Promise<string> {
  const before = new Set((await h.ctx.queues.events.getFailed()).map(({ id }) => id));
  const metadata = { 'ann@private.example': 'private words' };
  const body = { events: Array.from({ length: events }, () => anEvent({ userExternalId, metadata })) };
  expect((await h.client.post('/events', partner.liveKey, body)).status).toBe(202);
  await failAll();
  const failed = await h.ctx.queues.events.getFailed();
  return failed.find(({ id }) => !before.has(id))!.id!;
}

describe('dead letters', () => {
  it('shows the same information in the API and the CLI, without any payload content', async () => {
    const id = await createDeadLetter('u-private');
    const facts = {
      id,
      queue: 'events',
      partnerId: partner.partnerId,
      env: 'live',
      events: 3,
      attempts: 1,
      failedReason: expect.stringMatching(/^JOB_FAILED: .*worker's log/),
      failedAt: expect.any(String),
      expiresAt: expect.any(String),
      receivedAt: expect.any(String),
    };
    const listed = await asAdmin(h.client, 'GET', '/dead-letters');
    expect(listed).toMatchObject({ status: 200, body: { nextCursor: null } });
    expect(listed.body.data).toContainEqual(facts);
    expect((await mir('list', '--json')).json()).toEqual(listed.body);
    const shown = await asAdmin(h.client, 'GET', `/dead-letters/${id}`);
    expect(shown.body).toMatchObject({ ...facts, problems: [], shape: { tenant: 'string(21)' } });
    expect((await mir('show', id, '--json')).json()).toEqual(shown.body);
    const everything = [listed.body, shown.body, (await mir('list')).out, (await mir('show', id)).out];
    for (const secret of ['private', 'u-private', 'mir.transaction', 'the disk was full']) {
      expect(JSON.stringify(everything)).not.toContain(secret);
    }
    expect((await mir('show', id)).out).toContain('list(3) of');
    expect((await mir('list')).out).toContain('JOB_FAILED');
    expect(Date.parse(shown.body.expiresAt) - Date.parse(shown.body.failedAt)).toBe(30 * 24 * 3600 * 1000);
    expect((await mir('list', '--queue', 'events', '--json')).json()).toEqual(listed.body);
    expect(await mir('list', '--queue', 'cascades')).toMatchObject({ code: 2, out: '' });
  });

  it('returns 503 for the dead letter list while Redis rejects commands, and shows the cause only in the CLI output', async () => {
    const { client } = h.ctx.queueLink;
    const key = queueKeys(h.ctx.keys, eventsQueue.name).failed;
    await client.rename(key, `${key}:kept`);
    await client.hset(key, 'of', 'another type');
    try {
      const { status, body } = await asAdmin(h.client, 'GET', '/dead-letters');
      expect([status, body.code, JSON.stringify(body)]).toEqual([
        503,
        'OVERLOADED',
        expect.not.stringContaining('WRONGTYPE'),
      ]);
      expect(await mir('list')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('cause: WRONGTYPE') });
      const { err } = await mir('list', '--json');
      expect(JSON.parse(err)).toMatchObject({ code: 'OVERLOADED', cause: expect.stringMatching(/^WRONGTYPE/) });
    } finally {
      await client.del(key);
      await client.rename(`${key}:kept`, key);
    }
  });

  it('pages through dead letters without duplicates', async () => {
    for (let n = 0; n < 3; n += 1) await createDeadLetter();
    const all = (await asAdmin(h.client, 'GET', '/dead-letters')).body.data;
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const { body } = await asAdmin(h.client, 'GET', `/dead-letters?limit=1${cursor}`);
      seen.push(...body.data);
      cursor = body.nextCursor === null ? '' : `&cursor=${encodeURIComponent(body.nextCursor as string)}`;
    } while (cursor !== '');
    expect(seen).toEqual(all);
  });

  it('shows which fields of a malformed payload are invalid', async () => {
    await h.ctx.queues.events.add('events', { v: 1, tenant: 7, chunkId: 'secret' }, { jobId: 'broken-one' });
    await failAll();
    const { body } = await asAdmin(h.client, 'GET', '/dead-letters/broken-one');
    expect(body).toMatchObject({ partnerId: null, events: null, shape: { tenant: 'number', chunkId: 'string(6)' } });
    expect(body.problems.map(({ path }: { path: string }) => path)).toContain('tenant');
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  it('returns 404 for IDs that are the names of other keys in the queue', async () => {
    for (const id of ['meta', 'failed', 'events', 'none']) {
      expect((await asAdmin(h.client, 'GET', `/dead-letters/${id}`)).status).toBe(404);
      expect((await asAdmin(h.client, 'POST', `/dead-letters/${id}/replay`)).status).toBe(404);
      expect((await asAdmin(h.client, 'DELETE', `/dead-letters/${id}`)).status).toBe(404);
    }
  });

  it('drops a dead letter only with --yes, and releases its queued bytes', async () => {
    const id = await createDeadLetter();
    expect(await mir('drop', id)).toMatchObject({ code: 2, out: '' });
    expect((await asAdmin(h.client, 'GET', `/dead-letters/${id}`)).status).toBe(200);
    const before = await queuedBytes(h.ctx.queueLink.client, h.ctx.keys, 0);
    expect(await mir('drop', id, '--yes')).toMatchObject({ code: 0, out: `Dropped ${id}.\n` });
    expect(await queuedBytes(h.ctx.queueLink.client, h.ctx.keys, 0)).toBeLessThan(before);
    expect((await asAdmin(h.client, 'GET', `/dead-letters/${id}`)).status).toBe(404);
    expect(await mir('drop', id, '--yes')).toMatchObject({ code: 1, err: expect.stringContaining('NOT_FOUND') });
    expect(await auditOf(h.ctx, id)).toMatchObject([
      { action: 'dead-letter.dropped', partnerId: partner.partnerId, actor: { via: 'CLI' }, before: { events: 3 } },
    ]);
  });

  it('stores replayed events only once, and records in the audit log who replayed them', async () => {
    const user = randomUUID();
    const id = await createDeadLetter(user);
    expect(await mir('replay')).toMatchObject({ code: 2 });
    expect(await asAdmin(h.client, 'POST', `/dead-letters/${id}/replay`)).toMatchObject({
      status: 202,
      body: { id, status: 'QUEUED' },
    });
    // A retry after a lost response returns the same response and has no further effect.
    expect(await asAdmin(h.client, 'POST', `/dead-letters/${id}/replay`)).toMatchObject({
      status: 202,
      body: { id, status: 'QUEUED' },
    });
    expect(await mir('replay', id)).toMatchObject({ code: 0 });
    await failAll();
    const all = (await mir('list', '--json')).json().data;
    expect((await mir('replay', '--all', '--json')).json()).toEqual({ replayed: all.length });
    await h.startWorkers();
    await h.drained();
    const stored = await h.client.get(`/events?userExternalId=${user}`, partner.liveKey);
    expect(stored.body.data).toHaveLength(3);
    expect((await auditOf(h.ctx, id)).map(({ action, actor }) => [action, actor])).toEqual([
      ['dead-letter.replayed', { kind: 'OPERATOR', via: 'ADMIN_API' }],
      ['dead-letter.replayed', { kind: 'OPERATOR', via: 'CLI', name: expect.any(String) }],
    ]);
    expect((await asAdmin(h.client, 'POST', `/dead-letters/${id}/replay`)).status).toBe(404);
    const left = (await mir('list', '--json')).json().data.map(({ id }: { id: string }) => id);
    expect(left).toEqual(['broken-one']);
  });

  it('queues a dead letter only once when replays run concurrently', async () => {
    await h.stopWorkers();
    const user = randomUUID();
    const id = await createDeadLetter(user);
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => asAdmin(h.client, 'POST', `/dead-letters/${id}/replay`)),
    );
    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 202));
    expect(await h.ctx.queues.events.getJobCountByTypes('waiting', 'prioritized')).toBe(1);
    await h.startWorkers();
    await h.drained();
    const stored = await h.client.get(`/events?userExternalId=${user}`, partner.liveKey);
    expect(stored.body.data).toHaveLength(3);
  });

  it('deletes dead letters after the retention period, but not before', async () => {
    const { client } = h.ctx.queueLink;
    const { failed, job } = queueKeys(h.ctx.keys, eventsQueue.name);
    await h.stopWorkers();
    const [old, young] = [await createDeadLetter(), await createDeadLetter()];
    const age = async (id: string, seconds: number): Promise<void> => {
      const failedAtMs = Date.now() - seconds * 1_000;
      // BullMQ lists failed jobs by score, but uses `finishedOn` to decide which jobs to clean up.
      await client.zadd(failed, failedAtMs, id);
      await client.hset(job(id), 'finishedOn', failedAtMs);
    };
    await age(old, DEAD_LETTER_AGE_SECONDS + 60);
    await age(young, DEAD_LETTER_AGE_SECONDS - 60);
    expect(await expireDeadLetters({ ...h.ctx, link: h.ctx.queueLink })).toBe(1);
    expect((await asAdmin(h.client, 'GET', `/dead-letters/${old}`)).status).toBe(404);
    expect((await asAdmin(h.client, 'GET', `/dead-letters/${young}`)).status).toBe(200);
  });

  it('includes in DEAD_LETTER_QUEUES exactly the queues that keep failed jobs', async () => {
    const { cascadeQueue, webhookQueue, erasureQueue, mailQueue } = h.ctx;
    for (const wakeUps of [cascadeQueue, webhookQueue, erasureQueue, mailQueue]) await wakeUps.add('none');
    expect((await h.client.post('/events', partner.liveKey, anEvent())).status).toBe(202);
    const batch = { events: someEvents(5 * MAX_EVENTS_PER_CHUNK) };
    expect((await h.client.post('/events', partner.liveKey, batch)).status).toBe(202);
    const kept = await Promise.all(
      QUEUE_NAMES.map(async (name) => {
        const [job] = await h.ctx.queues[name].getJobs(['waiting', 'prioritized']);
        return job!.opts.removeOnFail === true ? [] : [name];
      }),
    );
    expect(kept.flat()).toEqual([...DEAD_LETTER_QUEUES]);
  });
});
