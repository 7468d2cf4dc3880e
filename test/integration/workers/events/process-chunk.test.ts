import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Worker } from 'bullmq';
import { tenantOf } from '../../../../shared/domain/ids';
import { eventsQueue } from '../../../../shared/queue/event-chunk';
import { tenantOfChunk } from '../../../../shared/queue/queued-bytes';
import { NO_TRACING } from '../../../../shared/tracing/tracing';
import { createCommitter } from '../../../../workers/events/committer';
import { createFinalizeChunk } from '../../../../workers/events/finalize-chunk';
import { createPartitionLocks } from '../../../../workers/events/partition-locks';
import { processChunk } from '../../../../workers/events/process-chunk';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { viewQueue } from '../../../support/queue-view';
import { waitUntil } from '../../../support/wait-until';
import { workerLink } from '../../../support/worker-link';

/** Number of failed attempts before a faulty step succeeds. Earlier versions gave up after 8 attempts of a job. */
const FAILURES = 20;

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
  partner = await mir.partner();
});
afterAll(() => mir.close());

type Deps = Parameters<typeof processChunk>[0];

/** Processes interactive chunks, with faults injected into the steps, until `isDone`. Does not wait between attempts. */
async function processWith(faults: (deps: Deps) => Partial<Deps>, isDone: () => Promise<boolean>): Promise<void> {
  const { store, secrets, queueLink, keys, signalsCache: cache, log, metrics, webhookQueue } = mir.ctx;
  const { signal } = new AbortController();
  const locks = createPartitionLocks(queueLink, keys);
  const deps: Deps = {
    store,
    link: queueLink,
    keys,
    secrets,
    committer: createCommitter({ store, queueLink, keys, cache, locks, log, metrics, tracing: NO_TRACING, signal }),
    finalize: createFinalizeChunk({ store, queueLink, keys, secrets, log, metrics, signal, webhookQueue }),
    tenantOfChunk: (shard, chunkId) => tenantOfChunk(queueLink.client, keys, shard, chunkId),
    log,
    metrics,
    signal,
    lane: 'interactive',
    shard: 0,
  };
  const own = workerLink(mir.env);
  const faulty = { ...deps, ...faults(deps) };
  const worker = new Worker(eventsQueue.name, (job, token) => processChunk(faulty, job, token), {
    ...own.bullmq,
    prefix: keys.queuePrefix(eventsQueue.name),
  });
  try {
    await waitUntil('the jobs are processed', async () => {
      for (const job of await viewQueue(mir).queue.getJobs(['delayed'])) await job.promote().catch(() => undefined);
      return isDone();
    });
  } finally {
    await worker.close();
    await own.close();
  }
}

/** Returns a function that throws on its first `FAILURES` calls. */
function faultyStep(): { step: () => void; isOver: () => boolean } {
  let failures = 0;
  return {
    step: () => {
      if (failures === FAILURES) return;
      failures += 1;
      throw new Error('the step failed');
    },
    isOver: () => failures === FAILURES,
  };
}

const receipt = async (receiptId: string) =>
  (await mir.client.get(`/v1/events/receipts/${receiptId}`, partner.liveKey)).body;
const isFinal = async (receiptId: string) => (await receipt(receiptId)).status !== 'QUEUED';

describe('a chunk that cannot be finalized for a long time', () => {
  it('never reports stored events as FAILED', async () => {
    const events = ['k-1', 'k-2', undefined].map((key) => anEvent(key === undefined ? {} : { idempotencyKey: key }));
    const { body: first } = await mir.client.post('/v1/events', partner.liveKey, { events });
    const { body: second } = await mir.client.post('/v1/events', partner.liveKey, { events: [events[0]] });
    const { step, isOver } = faultyStep();
    await processWith(
      ({ committer }) => ({
        committer: {
          commit: async (...args) => {
            const items = await committer.commit(...args);
            step();
            return items;
          },
        },
      }),
      async () => (await isFinal(first.receiptId)) && (await isFinal(second.receiptId)),
    );
    expect(await receipt(first.receiptId)).toMatchObject({ status: 'DONE', persisted: 3, failed: 0 });
    expect(await receipt(second.receiptId)).toMatchObject({ status: 'DONE', duplicates: 1, failed: 0 });
    expect(isOver()).toBe(true);
    expect(await viewQueue(mir).queue.getFailedCount()).toBe(0);
    const tenant = tenantOf(partner.partnerId, 'live');
    expect(await mir.ctx.store.events.model.countDocuments({ tenant })).toBe(events.length);
  });

  it('is reported as FAILED once it can be finalized, if its payload is unreadable', async () => {
    const { body } = await mir.client.post('/v1/events', partner.liveKey, anEvent());
    const [job] = await viewQueue(mir).queue.getJobs(['waiting', 'prioritized']);
    await job!.updateData('garbage');
    const { step, isOver } = faultyStep();
    await processWith(
      ({ tenantOfChunk: find }) => ({
        tenantOfChunk: (shard, chunkId) => {
          step();
          return find(shard, chunkId);
        },
      }),
      async () => job!.isFailed(),
    );
    expect(await receipt(body.receiptId)).toMatchObject({ status: 'DONE_WITH_FAILURES', failed: 1 });
    expect(isOver()).toBe(true);
  });
});
