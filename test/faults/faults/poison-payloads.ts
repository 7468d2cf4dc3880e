import type { AcceptedEvent } from '../../../shared/domain/event';
import { assignEventId, validateEvent } from '../../../api/events/validate-event';
import { type ChunkId, newChunkId } from '../../../shared/domain/ids';
import { chunkIdAt } from '../../../shared/domain/receipt';
import { eventsQueue } from '../../../shared/queue/event-chunk';
import { anEvent } from '../../support/builders';
import { waitUntil } from '../../support/wait-until';
import type { Fault, Stage } from './fault';

const FAILED_WITHIN_MS = 60_000;
const MANY = 100_000;

/** Payloads that no version of MIR writes. */
const GARBAGE: readonly unknown[] = [
  'garbage',
  null,
  [],
  { v: 99 },
  { v: 2, chunkId: 'x', tenant: 'y', events: 'none' },
  { v: 2, events: Array.from({ length: MANY }, () => [0, null, 'x', 0, 0, 0, null]) },
];

/** Queues a chunk with one event that MongoDB rejects: BSON field names must not contain NUL. */
async function queueRejectedEvent({ environment, traffic }: Stage): Promise<ChunkId> {
  const { ctx } = environment;
  const { partner, tenant } = traffic.partner('bulk');
  const chunkId = chunkIdAt(newChunkId(Date.now()), 0);
  const entry = { cost: 1, grant: 'whole' as const, chunkIds: [chunkId] };
  const { nowMs } = await ctx.authorizer.authorize(partner.key, 'events', 'events:write', [entry]);
  const validated = validateEvent(ctx, tenant, anEvent({ userExternalId: 'poison' }), nowMs!);
  if (Array.isArray(validated)) throw new Error('the event is invalid');
  const event: AcceptedEvent = { ...assignEventId(validated, chunkId, 0), metadata: { 'nul\0': 1 } };
  const facts = { chunkId, tenant, agentId: null, receivedAtMs: nowMs!, requestIds: ['poison'], shared: false };
  const load = { openChunks: 0, sentBytes: 100, authorizedAt: performance.now() };
  await ctx.eventQueue.add([{ ...facts, events: [event] }], load);
  return chunkId;
}

async function queuePoison(stage: Stage): Promise<void> {
  const { environment, random, report } = stage;
  const { queue } = environment.view;
  const ids: string[] = [await queueRejectedEvent(stage)];
  for (const data of random.shuffle(GARBAGE)) {
    const jobId = `poison-${random.int(0, 2 ** 31)}x`;
    await queue.add(eventsQueue.name, data, { ...eventsQueue.options, jobId });
    ids.push(jobId);
  }
  for (const id of ids) {
    await waitUntil(
      `poison job ${id} has failed`,
      async () => {
        const job = await queue.getJob(id);
        if (!job) report(`poison job ${id} disappeared`);
        return !job || job.isFailed();
      },
      FAILED_WITHIN_MS,
    );
    // The reasons are internal: they never contain what was in the payload.
    await (await queue.getJob(id))?.remove();
  }
}

export const POISON_PAYLOADS: Fault[] = [
  {
    number: 26,
    name: 'poison payloads',
    does: `${GARBAGE.length} unreadable jobs and one event that MongoDB rejects are put into the queue`,
    invariant: 'each becomes a dead letter, and no other job is affected',
    seconds: [0],
    run: queuePoison,
  },
];
