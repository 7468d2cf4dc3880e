import { get, type IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { tenantOf } from '../../../shared/domain/ids';
import { MAX_PER_OWNER } from '../../../shared/concurrency/long-work';
import { growTree } from '../../support/grow-tree';
import type { Harness, TestPartner } from '../../support/harness';
import { sharedHarness } from '../../support/shared-harness';
import { waitUntil } from '../../support/wait-until';

/** The stream is larger than the buffers of both sockets, so it stops when the client does not read. */
const TREE_SIZE = 12_000;
const NDJSON = { accept: 'application/x-ndjson' };

let mir: Harness;
let slow: TestPartner;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  slow = await mir.partner();
  await growTree(mir.ctx.store, tenantOf(slow.partnerId, 'live'), TREE_SIZE);
});
afterAll(() => mir.close());

/** Opens a stream and reads none of it. */
function open(key: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`${mir.url}/v1/agents/tree`, { headers: { 'x-api-key': key, ...NDJSON }, agent: false }, resolve).on(
      'error',
      reject,
    );
  });
}

describe('clients that do not read', () => {
  it('hold only slots of their own tenant, and lose them when they are cut off', async () => {
    const setTimeouts = jest.spyOn(ServerResponse.prototype, 'setTimeout');
    try {
      const responses = await Promise.all(Array.from({ length: MAX_PER_OWNER }, () => open(slow.liveKey)));
      expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array(MAX_PER_OWNER).fill(200));
      const rejected = await open(slow.liveKey);
      expect(rejected.statusCode).toBe(503);
      rejected.resume();
      const other = await mir.partner();
      expect((await mir.client.request('GET', '/v1/agents/tree', { key: other.liveKey })).status).toBe(200);
      const stream = await fetch(`${mir.url}/v1/agents/tree`, { headers: { 'x-api-key': other.liveKey, ...NDJSON } });
      expect([stream.status, await stream.text()]).toEqual([200, '']);

      // Every stream has a timeout. Calls the handler of one, as its socket does after a minute without progress.
      const handlers = setTimeouts.mock.calls.filter(([ms]) => ms > 0).map(([, onTimeout]) => onTimeout);
      expect(handlers.length).toBeGreaterThanOrEqual(MAX_PER_OWNER);
      handlers[0]!();
      let next: IncomingMessage | undefined;
      await waitUntil('the slot is free', async () => {
        next = await open(slow.liveKey);
        if (next.statusCode !== 200) next.resume();
        return next.statusCode === 200;
      });
      for (const response of [...responses, next!]) response.destroy();
    } finally {
      setTimeouts.mockRestore();
    }
  });
});
