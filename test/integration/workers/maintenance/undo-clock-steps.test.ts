import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DELAY_STEP, queueKeys } from '../../../../shared/queue/bullmq-internals';
import { erasuresQueue } from '../../../../shared/queue/wake-up-queue';
import { EVENT_QUEUES } from '../../../../shared/queue/event-chunk';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';

const HOUR_MS = 3_600_000;

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
  partner = await mir.partner();
});
afterAll(() => mir.close());

/** Delays a waiting job until an hour from now, as a worker did whose clock was an hour ahead. */
async function delayByAnHour(queue: string, id: string): Promise<void> {
  const { client } = mir.ctx.queueLink;
  const { waiting, prioritized, delayed, job } = queueKeys(mir.ctx.keys, queue);
  await waitUntil('the job is queued', async () => (await client.exists(job(id))) === 1);
  await client.lrem(waiting, 0, id);
  await client.zrem(prioritized, id);
  await client.hset(job(id), 'delay', HOUR_MS);
  await client.zadd(delayed, (Date.now() + HOUR_MS) * DELAY_STEP, id);
}

async function isDone(receiptId: string): Promise<boolean> {
  const { body } = await mir.client.get(`/v1/users/erase/${receiptId}`, partner.liveKey);
  return body.status === 'DONE';
}

describe('after the clock of a worker was an hour ahead', () => {
  it('processes the events that it delayed, without waiting for an hour', async () => {
    const { body } = await mir.client.post('/v1/events', partner.liveKey, anEvent());
    const { queueLink, keys } = mir.ctx;
    const queue = EVENT_QUEUES.interactive.name;
    const [id] = await queueLink.client.lrange(queueKeys(keys, queue).waiting, 0, -1);
    await delayByAnHour(queue, id!);
    await mir.startWorkers();
    await waitUntil('the event is stored', async () => (await mir.ctx.store.events.model.countDocuments()) === 1);
    expect(body.eventId).toEqual(expect.any(String));
    await mir.stopWorkers();
  });

  it('carries out an erasure that was ordered then and whose job was lost', async () => {
    const { queues, store } = mir.ctx;
    await queues.erasures.pause();
    const { body } = await mir.client.post('/v1/users/erase', partner.liveKey, { userExternalId: 'someone else' });
    await queues.erasures.obliterate({ force: true });
    await store.erasures.model.updateOne(
      { _id: body.receiptId },
      { $set: { nextLookAt: new Date(Date.now() + HOUR_MS) } },
    );
    await mir.startWorkers();
    await waitUntil('the erasure is done', () => isDone(body.receiptId));
    await mir.stopWorkers();
  });

  it('carries out the erasure that it delayed', async () => {
    const { body } = await mir.client.post('/v1/users/erase', partner.liveKey, { userExternalId: 'someone' });
    await delayByAnHour(erasuresQueue.name, `${body.receiptId}-0`);
    await mir.startWorkers();
    await waitUntil('the erasure is done', () => isDone(body.receiptId));
    await mir.stopWorkers();
  });
});
