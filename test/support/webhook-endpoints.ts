import { type Tenant, tenantOf } from '../../shared/domain/ids';
import type { DeliveryDoc } from '../../shared/store/deliveries';
import type { Harness, TestPartner } from './harness';
import type { TestResponse } from './client';
import { insertAgent } from './insert-agent';
import { waitUntil } from './wait-until';

/** An endpoint of a partner's live environment. */
export interface TestEndpoint {
  webhookId: string;
  secret: string;
  send: (method: string, path: string, body?: unknown) => Promise<TestResponse>;
  rows: () => Promise<DeliveryDoc[]>;
  /** Resolves when this many messages were delivered. */
  delivered: (count: number) => Promise<void>;
}

type Mir = Pick<Harness, 'ctx' | 'client'>;

/** Creates an endpoint. */
export async function newEndpoint(
  mir: Mir,
  partner: TestPartner,
  url: string,
  types?: readonly string[],
): Promise<TestEndpoint> {
  const key = partner.liveKey;
  const created = await mir.client.post('/v1/webhooks', key, { url, ...(types && { types }) });
  if (created.status !== 201) throw new Error(`no endpoint was created: ${JSON.stringify(created.body)}`);
  const { webhookId, secret } = created.body as { webhookId: string; secret: string };
  const tenant: Tenant = tenantOf(partner.partnerId, 'live');
  const rows = () =>
    mir.ctx.store.deliveries.model.find({ tenant, endpointId: webhookId }).sort({ createdAt: 1 }).lean<DeliveryDoc[]>();
  return {
    webhookId,
    secret,
    send: (method, path, body) =>
      mir.client.request(method, `/v1/webhooks/${webhookId}${path}`, { key, ...(body === undefined ? {} : { body }) }),
    rows,
    delivered: (count) =>
      waitUntil(`${count} messages are delivered`, async () => {
        return (await rows()).filter(({ status }) => status === 'DELIVERED').length >= count;
      }),
  };
}

/** Returns a function that makes a change that sends one message: it suspends or reactivates an agent, in turns. */
export async function changesOf({ ctx, client }: Mir, partner: TestPartner): Promise<() => Promise<void>> {
  const { agentId } = await insertAgent(ctx.store, partner);
  let isSuspended = false;
  return async () => {
    const action = isSuspended ? 'reactivate' : 'suspend';
    const { status, body } = await client.post(`/v1/agents/${agentId}/${action}`, partner.liveKey, {});
    if (status !== 200) throw new Error(`the change returned ${status}: ${JSON.stringify(body)}`);
    isSuspended = !isSuspended;
  };
}
