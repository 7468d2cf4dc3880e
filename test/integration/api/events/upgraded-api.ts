import { afterAll, beforeAll, describe } from '@jest/globals';
import type { ApiClient, TestResponse } from '../../../support/client';
import { type formerStore, PHASES } from '../../../support/former-store';
import type { ServedApi } from '../../../support/serve-api';

interface UpgradedApi {
  /** Whether the API already uses keyed event IDs. */
  isKeyed: boolean;
  client: () => ApiClient;
  /** Submits an event or a batch. */
  post: (key: string, body: unknown) => Promise<TestResponse>;
}

/** Declares API tests that run on a store from the previous version in each phase of the keyed event ID rollout. */
export function describeUpgradedApi(former: ReturnType<typeof formerStore>, tests: (api: UpgradedApi) => void): void {
  describe.each(PHASES)('on a store from the previous version, %s', (_phase, keyedIdsFrom) => {
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
