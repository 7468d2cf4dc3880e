import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newCountedRequest } from '../../../../shared/domain/usage';
import { validateEvent, type ValidatedEvent } from '../../../../api/events/validate-event';
import { submitBatch } from '../../../../api/events/submit-batch';
import { createSubmitSingle } from '../../../../api/events/submit-single';
import { parseApiKey } from '../../../../shared/domain/api-key';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';

/**
 * These tests validate events with the agent's original permissions and then call the submit functions directly, as if
 * the permissions had been narrowed between validation and authorization.
 */
let h: Harness;
beforeAll(async () => {
  h = await startHarness({ workers: false });
});
afterAll(async () => {
  await h.close();
});

const OTHER_TYPE = 'mir.review.posted';
let keys = 0;
const keyedEvent = (changes = {}) => anEvent({ idempotencyKey: `n-${(keys += 1)}`, ...changes });
const validated = ({ tenant }: TestAgent, changes = {}): ValidatedEvent =>
  validateEvent(h.ctx, tenant, keyedEvent(changes), Date.now()) as ValidatedEvent;
const openChunks = ({ tenant }: TestAgent) => h.ctx.queueLink.client.zcard(h.ctx.keys.openChunks(tenant));
const queued = async ({ agentId }: TestAgent) =>
  (await h.ctx.queues.events.getJobs()).filter(({ data }) => data.agentId === agentId);

async function createAgent(
  plan: 'STANDARD' | 'ENTERPRISE' = 'ENTERPRISE',
  type: 'AI_AGENT' | 'SERVICE_ACCOUNT' = 'AI_AGENT',
) {
  const agent = await insertAgent(h.ctx.store, await h.partner({ plan }), { type });
  return { ...agent, key: parseApiKey(agent.apiKey)! };
}
type Agent = Awaited<ReturnType<typeof createAgent>>;

/** Submits events individually in the same tick so that they share a chunk. */
function submitTogether({ key }: Agent, events: ValidatedEvent[]) {
  const submit = createSubmitSingle(h.ctx);
  const requestId = 'req-1';
  return Promise.allSettled(
    events.map((event) => submit({ key, event, requestId, counted: newCountedRequest('events'), sentBytes: 100 })),
  );
}

describe('events submitted individually in the same tick', () => {
  it('stores the allowed events when other events submitted in the same tick are rejected', async () => {
    const agent = await createAgent();
    const results = await submitTogether(agent, [
      validated(agent, { eventType: OTHER_TYPE }),
      validated(agent),
      validated(agent, { eventType: OTHER_TYPE }),
      validated(agent),
      validated(agent, { idempotencyKey: undefined }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(results.filter(({ status }) => status === 'rejected')).toMatchObject([
      { reason: { code: 'EVENT_TYPE_NOT_ALLOWED' } },
      { reason: { code: 'EVENT_TYPE_NOT_ALLOWED' } },
      { reason: { code: 'IDEMPOTENCY_KEY_REQUIRED' } },
    ]);
    const jobs = await queued(agent);
    expect(jobs).toHaveLength(1);
    expect(jobs[0]!.data.events).toHaveLength(2);
    expect(await openChunks(agent)).toBe(1);
    await h.startWorkers();
    await h.drained();
    await h.stopWorkers();
    expect(await openChunks(agent)).toBe(0);
    const [, second] = results;
    const { receiptId } = (second as PromiseFulfilledResult<{ receipt: { receiptId: string } }>).value.receipt;
    const receipt = await h.client.get(`/v1/events/receipts/${receiptId}`, agent.apiKey);
    expect(receipt.body).toMatchObject({ status: 'DONE', persisted: 1 });
  });

  it('does not leave a job or an open chunk behind when every individually submitted event is rejected', async () => {
    const agent = await createAgent();
    const results = await submitTogether(agent, [validated(agent, { eventType: OTHER_TYPE })]);
    expect(results).toMatchObject([{ reason: { code: 'EVENT_TYPE_NOT_ALLOWED' } }]);
    expect(await queued(agent)).toEqual([]);
    expect(await openChunks(agent)).toBe(0);
  });

  it('rejects events that an agent submits individually after its partner is downgraded', async () => {
    const agent = await createAgent('STANDARD');
    expect(await submitTogether(agent, [validated(agent)])).toMatchObject([
      { reason: { code: 'ENTERPRISE_REQUIRED' } },
    ]);
    expect(await openChunks(agent)).toBe(0);
  });
});

describe('a batch submitted after permissions were narrowed', () => {
  const submit = (agent: Agent, values: unknown[]) => {
    const items = values.map((value) => ({ value }));
    const counted = newCountedRequest('events');
    const submission = { items, sentBytes: 1_000, key: agent.key, requestId: 'req-1', counted };
    return submitBatch(h.ctx, { ...submission, admitted: () => undefined });
  };

  it('accepts the batch items that are still allowed and reports the rejected items', async () => {
    const agent = await createAgent();
    const receipt = await submit(agent, [keyedEvent({ eventType: OTHER_TYPE }), keyedEvent(), anEvent()]);
    expect(receipt).toMatchObject({ accepted: 1, rejected: 2, eventIds: [null, expect.any(String), null] });
    expect(receipt.errors).toMatchObject([
      { index: 0, code: 'EVENT_TYPE_NOT_ALLOWED' },
      { index: 2, code: 'IDEMPOTENCY_KEY_REQUIRED' },
    ]);
    expect(await queued(agent)).toHaveLength(1);
  });

  it('closes the chunks that a partly rejected batch no longer needs, and finalizes the batch’s receipt', async () => {
    const agent = await createAgent('ENTERPRISE', 'SERVICE_ACCOUNT');
    const values = Array.from({ length: 1_200 }, (_, n) => keyedEvent(n < 600 ? {} : { eventType: OTHER_TYPE }));
    const receipt = await submit(agent, values);
    expect(receipt).toMatchObject({ accepted: 600, rejected: 600 });
    expect(await openChunks(agent)).toBe(2);
    await h.startWorkers();
    await h.drained();
    await h.stopWorkers();
    expect(await openChunks(agent)).toBe(0);
    const { body } = await h.client.get(`/v1/events/receipts/${receipt.receiptId}`, agent.apiKey);
    expect(body).toMatchObject({ status: 'DONE', accepted: 600, persisted: 600 });
  });

  it('rejects a batch and leaves nothing behind when none of its items are still allowed', async () => {
    const agent = await createAgent();
    const rejected = submit(agent, [keyedEvent({ eventType: OTHER_TYPE })]);
    await expect(rejected).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      more: { errors: [{ path: 'events.0.eventType', code: 'EVENT_TYPE_NOT_ALLOWED' }] },
    });
    const downgraded = await createAgent('STANDARD');
    await expect(submit(downgraded, [keyedEvent()])).rejects.toMatchObject({ code: 'ENTERPRISE_REQUIRED' });
    for (const rejectedAgent of [agent, downgraded]) {
      expect(await queued(rejectedAgent)).toEqual([]);
      expect(await openChunks(rejectedAgent)).toBe(0);
    }
  });
});
