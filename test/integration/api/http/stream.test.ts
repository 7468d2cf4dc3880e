import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { mongo } from 'mongoose';
import { createApp } from '../../../../api/app';
import { tenantOf } from '../../../../shared/domain/ids';
import { listen } from '../../../../shared/process/listen';
import { growTree } from '../../../support/grow-tree';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { waitUntil } from '../../../support/wait-until';

/** Large enough to span several batches of the MongoDB cursor. */
const TREE_SIZE = 2_000;
/** The row at which the cursor pauses, after some rows have been sent and while more batches remain. */
const PAUSE_AT = 700;

let mir: Harness;
const servers: { close(): unknown; closeAllConnections(): void }[] = [];
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await mir.close();
});

/** Sends a GET request and resolves with the response without reading its body. */
function openResponse(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, resolve).on('error', reject);
  });
}

describe('streamed GET /v1/agents/tree', () => {
  it('closes the MongoDB cursor of a streamed tree when the client disconnects', async () => {
    const partner = await mir.partner();
    await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), TREE_SIZE);
    const { agents } = mir.ctx.store;
    const seen: { cursor: mongo.FindCursor | null; rows: number } = { cursor: null, rows: 0 };
    let resume = (): void => undefined;
    const disconnected = new Promise<void>((resolve) => (resume = resolve));
    const walk: typeof agents.walk = async function* (...args) {
      const rows = agents.walk(...args);
      seen.cursor = rows as unknown as mongo.FindCursor;
      for await (const row of rows) {
        seen.rows += 1;
        if (seen.rows === PAUSE_AT) await disconnected;
        yield row;
      }
    };
    const ctx = { ...mir.ctx, store: { ...mir.ctx.store, agents: { ...agents, walk } } };
    const { server, port } = await listen(createApp(ctx), 0, 'PORT');
    servers.push(server);
    server.on('connection', (socket) => socket.once('close', () => resume()));
    const headers = { 'x-api-key': partner.liveKey, accept: 'application/x-ndjson' };
    const response = await openResponse(`http://127.0.0.1:${port}/v1/agents/tree`, headers);
    expect(response.statusCode).toBe(200);
    await waitUntil('the cursor is paused', () => seen.rows === PAUSE_AT);
    response.destroy();
    await waitUntil('the cursor is closed', () => seen.cursor?.killed === true);
    expect(seen.rows).toBeLessThan(TREE_SIZE);
  });
});
