import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Tenant, UserRef } from '../../../../shared/domain/ids';
import { queueKeys, storedPayload } from '../../../../shared/queue/bullmq-internals';
import { eventsQueue } from '../../../../shared/queue/event-chunk';
import { redactDeadLetter } from '../../../../workers/users/redact-dead-letter';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';

const TENANT = 'prt_redact:live' as Tenant;
const RECEIVED_AT_MS = 1_700_000_000_000;

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

/** Queues a payload with one event for each user. */
async function addPayload(chunkId: string, userRefs: string[]): Promise<string> {
  const payload = eventsQueue.encode({
    chunkId,
    tenant: TENANT,
    agentId: null,
    receivedAtMs: RECEIVED_AT_MS,
    requestIds: [],
    shared: false,
    types: ['mir.review.posted'],
    baseMs: 0,
    events: userRefs.map((userRef, n) => [n, null, userRef, 0, null, null, { of: userRef }]),
  });
  await mir.ctx.queues.events.add('events', payload, { jobId: chunkId });
  return chunkId;
}

async function textOf(id: string): Promise<string | null> {
  const { queueLink, keys } = mir.ctx;
  return storedPayload(queueLink.client, queueKeys(keys, eventsQueue.name), id);
}

const erase = (id: string, userRef: string, erasedAtMs = RECEIVED_AT_MS): Promise<void> => {
  const { queueLink: link, keys, queues } = mir.ctx;
  const deps = { link, keys, queues, signal: new AbortController().signal };
  const erased = { tenant: TENANT, userRef: userRef as UserRef, erasedAt: new Date(erasedAtMs) };
  return redactDeadLetter(deps, { queue: eventsQueue.name, shard: 0, id }, erased);
};

describe('redactDeadLetter', () => {
  it('redacts the data of both users when two erasures run concurrently on one dead letter', async () => {
    const id = await addPayload('shared', ['ana', 'ben', 'cem']);
    await Promise.all([erase(id, 'ana'), erase(id, 'ben')]);
    const text = await textOf(id);
    expect([text?.includes('"of":"ana"'), text?.includes('"of":"ben"'), text?.includes('"of":"cem"')]).toEqual([
      false,
      false,
      true,
    ]);
    await erase(id, 'cem');
    expect(await textOf(id)).toBeNull();
  });

  it('keeps events that were received after the erasure', async () => {
    const id = await addPayload('later', ['ana', 'ben']);
    await erase(id, 'ana', RECEIVED_AT_MS - 1);
    expect(await textOf(id)).toContain('"of":"ana"');
  });

  it('leaves a payload that is not a chunk unchanged, even if it names the user', async () => {
    await mir.ctx.queues.events.add('events', { broken: 'ana' }, { jobId: 'broken' });
    await erase('broken', 'ana');
    expect(await textOf('broken')).toContain('ana');
  });
});
