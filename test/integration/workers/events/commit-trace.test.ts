import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serverEventId } from '../../../../shared/domain/event-id';
import { newChunkId, newPartnerTag, partnerIdOf, tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { createTracing } from '../../../../shared/tracing/create-tracing';
import type { EventChunk } from '../../../../shared/queue/event-chunk';
import { createCommitter } from '../../../../workers/events/committer';
import { createPartitionLocks } from '../../../../workers/events/partition-locks';
import { testCollectors } from '../../../support/collector';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';

const startCollector = testCollectors();
let h: Harness;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
});
afterAll(() => h.close());

function newChunk(): EventChunk {
  const tenant = tenantOf(partnerIdOf(newPartnerTag()), 'live');
  const chunkId = newChunkId(Date.now());
  const event = {
    index: 0,
    eventId: serverEventId(tenant, chunkId, 0),
    userRef: `u_${chunkId}` as UserRef,
    eventType: 'mir.transaction.completed',
    occurredAtMs: null,
    weight: null,
    metadata: null,
    fingerprint: null,
  };
  const facts = { agentId: null, receivedAtMs: Date.now(), requestIds: ['r'], shared: false };
  return { ...facts, chunkId, tenant, events: [event] };
}

describe('trace of a commit group', () => {
  it('records a commit group in the trace of the first job, with links to the other jobs', async () => {
    const collector = await startCollector();
    const { store, queueLink, keys, log, metrics, signalsCache: cache } = h.ctx;
    const tracing = createTracing({ endpoint: collector.url, ratio: 1 }, 'worker', log);
    const locks = createPartitionLocks(queueLink, keys);
    const { signal } = new AbortController();
    const committer = createCommitter({ store, queueLink, keys, cache, locks, log, metrics, tracing, signal });
    const jobs = ['one', 'two', 'three'].map((name) => {
      const job = tracing.openRequest!(name, 'JOB', {});
      return job
        .run(() => committer.commit(newChunk(), { lane: 'interactive', redelivered: false }))
        .then(() => job.end(200));
    });
    await Promise.all(jobs);
    await tracing.stop();

    const { spans } = collector;
    const [one, two, three] = ['one', 'two', 'three'].map((name) => spans.find((span) => span.name === `JOB ${name}`)!);
    const commits = spans.filter(({ name }) => name === 'commit');
    expect(commits).toMatchObject([{ attributes: { 'mir.events': 3, 'mir.jobs': 3 } }]);
    const [{ traceId, parentSpanId, links }] = commits as [(typeof commits)[number]];
    const all = new Map([one, two, three].map((span) => [span!.spanId, span!.traceId]));
    expect(all.get(parentSpanId!)).toBe(traceId);
    all.delete(parentSpanId!);
    expect(Object.fromEntries(links.map((link) => [link.spanId, link.traceId]))).toEqual(Object.fromEntries(all));
  });
});
