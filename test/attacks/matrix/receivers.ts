import { newId, type Tenant } from '../../../shared/domain/ids';
import type { Harness } from '../../support/harness';

/** Deletes a tenant's receivers, so that requests can create others. */
export async function dropReceivers({ ctx }: Harness, tenant: Tenant): Promise<void> {
  await ctx.store.webhooks.model.deleteMany({ tenant, receiverSlot: { $exists: true } });
}

/** Inserts a receiver. Deletes the tenant's others, so that not every change of an agent is pushed to many of them. */
export async function newReceiver(h: Harness, tenant: Tenant): Promise<string> {
  await dropReceivers(h, tenant);
  const _id = newId('rcv');
  const facts = { receiverSlot: 0, url: 'https://hooks.invalid/kills', format: 'SET' } as const;
  await h.ctx.store.webhooks.model.create({ _id, tenant, ...facts, createdAt: new Date() });
  return _id;
}
