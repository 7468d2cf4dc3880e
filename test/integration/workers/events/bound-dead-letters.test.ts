import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newChunkId, newPartnerTag, partnerIdOf, type Tenant, tenantOf } from '../../../../shared/domain/ids';
import { eventsQueue } from '../../../../shared/queue/event-chunk';
import { MAX_DEAD_LETTERS_PER_TENANT } from '../../../../workers/events/bound-dead-letters';
import { type Harness, startHarness } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';

const EXCESS = 5;

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());

const newTenant = (): Tenant => tenantOf(partnerIdOf(newPartnerTag()), 'live');

/** Queues jobs whose payload is unreadable except for the tenant. Returns their IDs in order. */
async function queueUnreadable(tenant: Tenant, count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => {
    const jobId: string = newChunkId(Date.now());
    return { name: eventsQueue.name, data: { tenant, chunkId: jobId }, opts: { ...eventsQueue.options, jobId } };
  });
  await mir.ctx.queues.events.addBulk(jobs);
  return jobs.map(({ opts }) => opts.jobId);
}

async function deadLettersOf(tenant: Tenant): Promise<string[]> {
  const jobs = await mir.ctx.queues.events.getFailed();
  return jobs.filter(({ data }) => (data as { tenant: Tenant }).tenant === tenant).map(({ id }) => id!);
}

describe('dead letters', () => {
  it("are limited per tenant: the tenant's oldest are deleted, and those of other tenants are kept", async () => {
    const [other, failing] = [newTenant(), newTenant()];
    const [kept] = await queueUnreadable(other, 1);
    await waitUntil('the job has failed', async () => (await deadLettersOf(other)).length === 1);
    const oldest = await queueUnreadable(failing, EXCESS);
    await waitUntil('the oldest have failed', async () => (await deadLettersOf(failing)).length === EXCESS);
    const later = await queueUnreadable(failing, MAX_DEAD_LETTERS_PER_TENANT);
    await waitUntil('every later job has failed, and the oldest are deleted', async () => {
      const left = new Set(await deadLettersOf(failing));
      return later.every((id) => left.has(id)) && oldest.every((id) => !left.has(id));
    });
    expect(await deadLettersOf(failing)).toHaveLength(MAX_DEAD_LETTERS_PER_TENANT);
    expect(await deadLettersOf(other)).toEqual([kept]);
  });
});
