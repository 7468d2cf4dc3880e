import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditContext } from '../../../../api/db/audit-context';
import { createApiContext } from '../../../../api/context';
import { orderErasure } from '../../../../api/users/order-erasure';
import type { Tenant, UserRef } from '../../../../shared/domain/ids';
import { decodeChunk, eventsQueue } from '../../../../shared/queue/event-chunk';
import { openRuntime } from '../../../../shared/runtime';
import { readConfig } from '../../../../shared/config/config';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { linkUser, newPerson } from '../../../support/link';
import { asAdmin } from '../../../support/partners';
import { makeDeadLetter } from '../../../support/dead-letters';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness();
  partner = await mir.partner();
});
afterAll(() => mir.close());

const post = (path: string, body: unknown, key = partner.liveKey) => mir.client.post(path, key, body);
const submit = async (userExternalId: string, keys: (string | undefined)[]): Promise<string> => {
  const events = keys.map((idempotencyKey) =>
    anEvent({ userExternalId, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) }),
  );
  const { status, body } = await post('/v1/events', { events });
  expect(status).toBe(202);
  return body.receiptId as string;
};
const erase = async (userExternalId: string): Promise<string> => {
  const { status, body } = await post('/v1/users/erase', { userExternalId });
  expect(status).toBe(202);
  return body.receiptId as string;
};
const done = (receiptId: string): Promise<void> =>
  waitUntil('the erasure is done', async () => {
    return (await mir.client.get(`/v1/users/erase/${receiptId}`, partner.liveKey)).body.status === 'DONE';
  });
const countOf = async (userExternalId: string): Promise<number> =>
  (await post('/v1/resolve', { userExternalId })).body.eventCount as number;
const listed = async (userExternalId: string): Promise<unknown[]> =>
  (await mir.client.get(`/v1/events?userExternalId=${userExternalId}`, partner.liveKey)).body.data as unknown[];

describe('POST /v1/users/erase', () => {
  it("stops counting a user's events immediately and then deletes them", async () => {
    await submit(
      'gone',
      Array.from({ length: 2_500 }, () => undefined),
    );
    await submit('stays', [undefined]);
    await mir.drained();
    const receiptId = await erase('gone');
    expect(await countOf('gone')).toBe(0);
    await done(receiptId);
    expect(await listed('gone')).toEqual([]);
    const { body } = await mir.client.get(`/v1/users/erase/${receiptId}`, partner.liveKey);
    expect(body).toMatchObject({ eventsErased: 2_500, settledAt: expect.any(String) });
    expect(await countOf('stays')).toBe(1);
  });

  it('rejects the unsupported dryRun parameter without erasing anything', async () => {
    expect((await post('/v1/users/erase?dryRun=true', { userExternalId: 'stays' })).status).toBe(422);
    await mir.drained();
    expect(await countOf('stays')).toBe(1);
  });

  it('reports queued events as ERASED and starts a new history with later events', async () => {
    await mir.stopWorkers();
    const before = await submit('queued', ['k-1', undefined, 'k-2']);
    const receiptId = await erase('queued');
    const after = await submit('queued', ['k-1']);
    await mir.startWorkers();
    await mir.drained();
    await done(receiptId);
    const receipt = async (id: string) => (await mir.client.get(`/v1/events/receipts/${id}`, partner.liveKey)).body;
    expect(await receipt(before)).toMatchObject({ status: 'DONE', accepted: 3, persisted: 0, erased: 3, failed: 0 });
    expect(await receipt(after)).toMatchObject({ status: 'DONE', persisted: 1, erased: 0 });
    expect(await countOf('queued')).toBe(1);
    expect(await listed('queued')).toHaveLength(1);
  });

  it('frees the idempotency key of an erased event even before the event is deleted', async () => {
    await submit('reborn', ['r-1', 'r-2']);
    await mir.drained();
    // The paused erasure does not delete anything, so only the commit can replace the old event.
    await mir.ctx.queues.erasures.pause();
    try {
      await erase('reborn');
      const receiptId = await submit('reborn', ['r-1']);
      await mir.drained();
      const { body } = await mir.client.get(`/v1/events/receipts/${receiptId}`, partner.liveKey);
      expect(body).toMatchObject({ persisted: 1, duplicates: 0, conflicts: 0 });
      expect(await countOf('reborn')).toBe(1);
    } finally {
      await mir.ctx.queues.erasures.resume();
    }
    await waitUntil('the old event is deleted', async () => (await listed('reborn')).length === 1);
    expect(await countOf('reborn')).toBe(1);
  });

  it("removes an erased user's link and pending invitations", async () => {
    const person = await newPerson(mir);
    const other = await mir.partner();
    await submit('linked', [undefined]);
    await mir.client.post('/v1/events', other.liveKey, anEvent({ userExternalId: 'elsewhere' }));
    await mir.drained();
    await linkUser(mir, partner, 'linked', person);
    await linkUser(mir, other, 'elsewhere', person);
    await post('/v1/partners/link/code', { userExternalId: 'linked' });
    await done(await erase('linked'));
    const { body } = await mir.client.get('/v1/partners/link/status?userExternalId=linked', partner.liveKey);
    expect(body).toEqual({ linked: false, linkedAt: null, pending: null });
    const elsewhere = await mir.client.post('/v1/resolve', other.liveKey, { userExternalId: 'elsewhere' });
    expect(elsewhere.body).toMatchObject({ linked: true, eventCount: 1, partnerCount: 1 });
  });

  it('completes an erasure whose wake-up was lost', async () => {
    await submit('forgotten', [undefined, undefined]);
    await mir.drained();
    await mir.stopWorkers();
    const receiptId = await erase('forgotten');
    await mir.ctx.queues.erasures.obliterate({ force: true });
    await mir.ctx.store.erasures.model.updateOne({ _id: receiptId }, { $set: { nextLookAt: new Date(0) } });
    await mir.startWorkers();
    await done(receiptId);
    expect(await listed('forgotten')).toEqual([]);
  });

  it("redacts an erased user's events in dead letters and keeps other users' events", async () => {
    const queue = mir.ctx.queues.events;
    await mir.stopWorkers();
    await submit('in-dead-letter', [undefined]);
    const shared = await post('/v1/events', {
      events: [anEvent({ userExternalId: 'in-dead-letter' }), anEvent({ userExternalId: 'other-user' })],
    });
    expect(shared.status).toBe(202);
    const waiting = await queue.getJobs(['waiting', 'prioritized']);
    expect(waiting).toHaveLength(2);
    for (const job of waiting) await makeDeadLetter(mir, job.id!);
    await mir.startWorkers();
    await done(await erase('in-dead-letter'));
    const deadLetters = await queue.getFailed();
    expect(deadLetters).toHaveLength(1);
    const { events } = decodeChunk(eventsQueue.parse(deadLetters[0]!));
    const contents = events.map(({ userRef, eventType }) => [userRef === refOf('in-dead-letter'), eventType]);
    expect(contents).toEqual([
      [true, 'erased'],
      [false, 'mir.transaction.completed'],
    ]);

    const replayed = await asAdmin(mir.client, 'POST', `/dead-letters/${deadLetters[0]!.id}/replay`);
    expect(replayed.status).toBe(202);
    await mir.drained();
    const { body } = await mir.client.get(`/v1/events/receipts/${shared.body.receiptId}`, partner.liveKey);
    expect(body).toMatchObject({ accepted: 2, persisted: 1, erased: 1, failed: 0 });
    expect([await countOf('in-dead-letter'), await countOf('other-user')]).toEqual([0, 1]);
  });

  it("redacts an erased user's events in a job that fails after the erasure", async () => {
    const queue = mir.ctx.queues.events;
    const metadata = { note: 'private words' };
    const events = ['erased-first', 'not-storable'].map((userExternalId) => anEvent({ userExternalId, metadata }));
    const job = await whilePaused(async () => {
      expect((await post('/v1/events', { events })).status).toBe(202);
      const [queued] = await queue.getJobs(['waiting', 'prioritized']);
      const rows = queued!.data.events as [unknown, unknown, unknown, unknown, unknown, unknown, object][];
      // MongoDB rejects this event, because a BSON field name must not contain NUL.
      rows[1]![6] = { 'a\0b': 1 };
      await queued!.updateData(queued!.data);
      await erase('erased-first');
      return queued!;
    });
    await waitUntil('the job has failed', async () => job.isFailed());
    expect(JSON.stringify((await queue.getJob(job.id!))!.data)).not.toContain('private words');
  });

  it("keeps an erasure RUNNING while the user's events are queued", async () => {
    const receiptId = await whilePaused(async () => {
      await submit('waits', [undefined]);
      const ordered = await erase('waits');
      await waitUntil('the erasure is delayed', async () => (await mir.ctx.queues.erasures.getDelayedCount()) > 0);
      const { body } = await mir.client.get(`/v1/users/erase/${ordered}`, partner.liveKey);
      expect(body.status).toBe('RUNNING');
      return ordered;
    });
    await done(receiptId);
    expect([await listed('waits'), await countOf('waits')]).toEqual([[], 0]);
  });

  /** Runs `work` while the events queue is paused. */
  async function whilePaused<T>(work: () => Promise<T>): Promise<T> {
    const queue = mir.ctx.queues.events;
    await queue.pause();
    try {
      return await work();
    } finally {
      await queue.resume();
    }
  }

  const liveTenant = (): Tenant => `${partner.partnerId}:live` as Tenant;
  const refOf = (userExternalId: string): UserRef => mir.ctx.secrets.userRef(liveTenant(), userExternalId);
  const auditContext = (): AuditContext => ({
    actor: { kind: 'PARTNER', partnerId: partner.partnerId },
    requestId: 'r',
    at: new Date(),
  });
  const order = (userExternalId: string, erasedAt: Date, ctx = mir.ctx) =>
    orderErasure(ctx, liveTenant(), refOf(userExternalId), erasedAt, auditContext());

  it('also erases events that were committed while the erasure request was being processed', async () => {
    await submit('overtaken', [undefined, undefined]);
    await mir.drained();
    const [{ receivedAt }] = (await listed('overtaken')) as [{ receivedAt: string }];
    const { erasure } = await order('overtaken', new Date(Date.parse(receivedAt) - 1));
    expect(erasure.erasedAt.toISOString()).toBe(receivedAt);
    await done(erasure._id);
    expect([await listed('overtaken'), await countOf('overtaken')]).toEqual([[], 0]);
  });

  it('keeps the later of two erasure times, even if the earlier time is written last', async () => {
    const later = new Date();
    await order('ordered-twice', later);
    const { erasure } = await order('ordered-twice', new Date(later.getTime() - 60_000));
    expect(erasure.erasedAt).toEqual(later);
    expect((await mir.ctx.store.users.get(liveTenant(), refOf('ordered-twice')))?.erasedAt).toEqual(later);
  });

  it('does not delete an event that replaced an erased one with the same key', async () => {
    await submit('replaced', ['key']);
    await mir.drained();
    const { store } = mir.ctx;
    const { connection, events } = store;
    const old = (await events.model.findOne({ userRef: refOf('replaced') }).lean())!;
    const receivedAt = new Date(old.receivedAt.getTime() + 1);
    // The transaction that replaces the event is open while the erasure reads, and commits while the erasure deletes.
    const { session } = await store.openSession();
    session.startTransaction();
    await events.model.updateOne({ _id: old._id }, { $set: { receivedAt } }, { session });
    const deleting = new Promise<void>((resolve) => {
      connection.set('debug', (collection: string, method: string) => {
        if (collection === 'events' && method === 'deleteMany') resolve();
      });
    });
    const page = [liveTenant(), refOf('replaced'), old.receivedAt, 10] as const;
    const erased = store.transaction((current) => events.erasePage(...page, current), 30_000);
    await deleting;
    connection.set('debug', false);
    await session.commitTransaction();
    await session.endSession();
    expect(await erased).toBe(0);
    expect(await events.model.countDocuments({ _id: old._id })).toBe(1);
  });

  it("reports DONE only when reads no longer count the user's events, even if the cache was unreachable at first", async () => {
    await submit('cached', [undefined]);
    await mir.drained();
    expect(await countOf('cached')).toBe(1);
    const disconnected = await openRuntime(readConfig(mir.env), 'api');
    try {
      const ctx = await createApiContext(disconnected);
      disconnected.cacheLink.client.disconnect();
      const { erasure, cacheState } = await order('cached', new Date(), ctx);
      expect(cacheState).toBe('pending');
      await done(erasure._id);
      expect(await countOf('cached')).toBe(0);
    } finally {
      await disconnected.close();
    }
  });

  it("returns the same 404 for another partner's erasure as for an erasure that does not exist", async () => {
    const receiptId = await erase('private');
    const other = await mir.partner();
    const foreign = await mir.client.get(`/v1/users/erase/${receiptId}`, other.liveKey);
    const missing = await mir.client.get('/v1/users/erase/ers_live_0', other.liveKey);
    expect([foreign.status, foreign.body.detail]).toEqual([missing.status, missing.body.detail]);
    expect(foreign.status).toBe(404);
  });
});
