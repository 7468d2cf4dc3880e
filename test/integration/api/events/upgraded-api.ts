import { afterAll, beforeAll, describe } from '@jest/globals';
import type { ApiClient, TestResponse } from '../../../support/client';
import { type formerStore, PHASES } from '../../../support/former-store';
import type { ServedApi } from '../../../support/serve-api';

interface UpgradedApi {
  /** Whether the API uses keyed event IDs already. */
  isKeyed: boolean;
  client: () => ApiClient;
  /** Submits one event or a batch. */
  post: (key: string, body: unknown) => Promise<TestResponse>;
}

/** Declares tests of an API on a store of the previous version, for each phase of the rollout of keyed event IDs. */
export function describeUpgradedApi(former: ReturnType<typeof formerStore>, tests: (api: UpgradedApi) => void): void {
  describe.each(PHASES)('on a store of the previous version, %s', (_phase, keyedIdsFrom) => {
    let api: ServedApi;
    beforeAll(async () => {
      api = await former.serveUpgraded(keyedIdsFrom);
    });
    afterAll(() => api.close());

    tests({
      isKeyed: keyedIdsFrom !== null,
      client: () => api.client,
      post: (key, body) => api.client.post('/v1/events', key, body),
    });
  });
}
