import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { validateEvent, type ValidatedEvent } from '../../../../api/events/validate-event';
import { submitBatch } from '../../../../api/events/submit-batch';
import { createSubmitSingle } from '../../../../api/events/submit-single';
import { parseApiKey } from '../../../../shared/domain/api-key';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';

/**
 * What stands here goes straight to the second check, at entering: as if the input had passed the first one and the
 * agent's rights had been narrowed in between.
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
const submitted = (changes = {}) => anEvent({ idempotencyKey: `n-${(keys += 1)}`, ...changes });
const checked = ({ tenant }: TestAgent, changes = {}): ValidatedEvent =>
  validateEvent(h.ctx, tenant, submitted(changes), Date.now()) as ValidatedEvent;
const openChunks = ({ tenant }: TestAgent) => h.ctx.queueLink.client.zcard(h.ctx.keys.openChunks(tenant));
const queued = async ({ agentId }: TestAgent) =>
  (await h.ctx.queues.events.getJobs()).filter(({ data }) => data.agentId === agentId);

async function anAgent(
  plan: 'STANDARD' | 'ENTERPRISE' = 'ENTERPRISE',
  type: 'AI_AGENT' | 'SERVICE_ACCOUNT' = 'AI_AGENT',
) {
  const agent = await insertAgent(h.ctx.store, await h.partner({ plan }), { type });
  return { ...agent, key: parseApiKey(agent.apiKey)! };
}
type Agent = Awaited<ReturnType<typeof anAgent>>;

/** Submits single events in one turn, which share a chunk. */
function inOneTurn({ key }: Agent, events: ValidatedEvent[]) {
  const submit = createSubmitSingle(h.ctx);
  const requestId = 'req-1';
  return Promise.allSettled(events.map((event) => submit({ key, event, requestId, sentBytes: 100 })));
}

describe('single events of one turn', () => {
  it('are taken one by one: the allowed ones stored, the others refused', async () => {
    const agent = await anAgent();
    const answers = await inOneTurn(agent, [
      checked(agent, { eventType: OTHER_TYPE }),
      checked(agent),
      checked(agent, { eventType: OTHER_TYPE }),
      checked(agent),
      checked(agent, { idempotencyKey: undefined }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(answers.filter(({ status }) => status === 'rejected')).toMatchObject([
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
    const [, second] = answers;
    const { receiptId } = (second as PromiseFulfilledResult<{ receipt: { receiptId: string } }>).value.receipt;
    const receipt = await h.client.get(`/v1/events/receipts/${receiptId}`, agent.apiKey);
    expect(receipt.body).toMatchObject({ status: 'DONE', persisted: 1 });
  });

  it('leave nothing behind when none of them is allowed', async () => {
    const agent = await anAgent();
    const answers = await inOneTurn(agent, [checked(agent, { eventType: OTHER_TYPE })]);
    expect(answers).toMatchObject([{ reason: { code: 'EVENT_TYPE_NOT_ALLOWED' } }]);
    expect(await queued(agent)).toEqual([]);
    expect(await openChunks(agent)).toBe(0);
  });

  it('are refused after a downgrade', async () => {
    const agent = await anAgent('STANDARD');
    expect(await inOneTurn(agent, [checked(agent)])).toMatchObject([{ reason: { code: 'ENTERPRISE_REQUIRED' } }]);
    expect(await openChunks(agent)).toBe(0);
  });
});

describe('a batch', () => {
  const submit = (agent: Agent, values: unknown[]) => {
    const items = values.map((value) => ({ value }));
    const sent = { items, sentBytes: 1_000, key: agent.key, requestId: 'req-1', admitted: () => undefined };
    return submitBatch(h.ctx, sent);
  };

  it('goes on with what is still allowed, and names the rest', async () => {
    const agent = await anAgent();
    const receipt = await submit(agent, [submitted({ eventType: OTHER_TYPE }), submitted(), anEvent()]);
    expect(receipt).toMatchObject({ accepted: 1, rejected: 2, eventIds: [null, expect.any(String), null] });
    expect(receipt.errors).toMatchObject([
      { index: 0, code: 'EVENT_TYPE_NOT_ALLOWED' },
      { index: 2, code: 'IDEMPOTENCY_KEY_REQUIRED' },
    ]);
    expect(await queued(agent)).toHaveLength(1);
  });

  it('ends the marks of chunks that it needs no more, and its receipt still settles', async () => {
    const agent = await anAgent('ENTERPRISE', 'SERVICE_ACCOUNT');
    const values = Array.from({ length: 1_200 }, (_, n) => submitted(n < 600 ? {} : { eventType: OTHER_TYPE }));
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

  it('is refused, and leaves nothing behind, when nothing of it is allowed any more', async () => {
    const agent = await anAgent();
    const rejected = submit(agent, [submitted({ eventType: OTHER_TYPE })]);
    await expect(rejected).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      more: { errors: [{ path: 'events.0.eventType', code: 'EVENT_TYPE_NOT_ALLOWED' }] },
    });
    const downgraded = await anAgent('STANDARD');
    await expect(submit(downgraded, [submitted()])).rejects.toMatchObject({ code: 'ENTERPRISE_REQUIRED' });
    for (const one of [agent, downgraded]) {
      expect(await queued(one)).toEqual([]);
      expect(await openChunks(one)).toBe(0);
    }
  });
});
