import { allowSpawning, startSecondApi, statusWith } from '../../../support/agents';
import type { TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';

/** Two APIs that share databases, as separate processes would, and a partner that allows spawning. */
export interface TwoApis {
  harness: Harness;
  secondApi: Awaited<ReturnType<typeof startSecondApi>>;
  partner: TestPartner;
  /** Posts to `/v1/agents/:id/<action>`, with the partner's key by default. */
  postAction(id: string, action: string, body?: unknown, key?: string): Promise<TestResponse>;
  /** Gets an agent, with the partner's key by default. */
  getAgent(id: string, key?: string): Promise<TestResponse>;
  /** Sends a GET request with the key to both APIs and returns the two statuses. */
  statusesWith(key: string): Promise<number[]>;
  close(): Promise<void>;
}

/** Starts a second API alongside the shared harness. `policy` overrides fields of the partner's spawn policy. */
export async function startTwoApis({
  workers = false,
  policy = {},
}: { workers?: boolean; policy?: Record<string, unknown> } = {}): Promise<TwoApis> {
  const harness = await sharedHarness({ workers });
  const secondApi = await startSecondApi(harness);
  const partner = await harness.partner();
  await allowSpawning(harness.client, partner, policy);
  return {
    harness,
    secondApi,
    partner,
    postAction: (id, action, body, key = partner.liveKey) =>
      harness.client.request('POST', `/v1/agents/${id}/${action}`, body === undefined ? { key } : { key, body }),
    getAgent: (id, key = partner.liveKey) => harness.client.get(`/v1/agents/${id}`, key),
    statusesWith: async (key) => [await statusWith(harness.client, key), await statusWith(secondApi.client, key)],
    close: async () => {
      await secondApi.close();
      await harness.close();
    },
  };
}
