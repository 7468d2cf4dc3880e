import { beforeAll, describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import type { TestResponse } from '../../../support/client';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import type { TestProcess } from '../../../support/start-process';
import { waitUntil } from '../../../support/wait-until';

/** Enough clients for a transaction to be open almost all the time. */
const CLIENTS = 8;
const WRITE_CONFLICT = 112;

const { start, serve } = faultEnvironment();
let mir: Harness;
beforeAll(async () => {
  mir = await serve({ workers: false });
});

/** Returns whether an open transaction has written the tree's root, which makes writes in other transactions fail. */
async function isWritten({ agentId }: TestAgent): Promise<boolean> {
  const { agents, connection } = mir.ctx.store;
  const session = await connection.startSession();
  session.startTransaction();
  try {
    await agents.model.updateOne({ _id: agentId }, { $inc: { treeRevision: 1 } }, { session });
    return false;
  } catch (error) {
    if (!(error instanceof mongo.MongoServerError) || error.code !== WRITE_CONFLICT) throw error;
    return true;
  } finally {
    await session.abortTransaction().catch(() => undefined);
    await session.endSession();
  }
}

/** Kills the API process with SIGKILL while one of its open transactions has written the tree's root. */
async function killInTransaction(api: TestProcess, partner: TestPartner, root: TestAgent): Promise<void> {
  const progress = { changes: 0, stopped: false };
  const patch = async (client: number): Promise<void> => {
    for (let n = 0; !progress.stopped; n += 1) {
      const options = { key: partner.liveKey, body: { name: `Name ${client}-${n}` } };
      const response = await api.client.request('PATCH', `/v1/agents/${root.agentId}`, options).catch(() => null);
      if (response?.status === 200) progress.changes += 1;
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, client) => patch(client));
  let isInTransaction = false;
  try {
    while (!isInTransaction) {
      const before = progress.changes;
      await waitUntil('the process has committed a change', () => progress.changes > before);
      process.kill(api.pid, 'SIGSTOP');
      // If the process had already sent the commit, MongoDB finishes it before the second check.
      isInTransaction = (await isWritten(root)) && (await isWritten(root));
      if (!isInTransaction) process.kill(api.pid, 'SIGCONT');
    }
  } finally {
    progress.stopped = true;
    await api.kill9();
    await Promise.all(clients);
  }
}

describe('an API process killed during a change', () => {
  it.each<[string, number, (root: TestAgent, key: string) => Promise<TestResponse>]>([
    ['a suspension', 200, ({ agentId }, key) => mir.client.post(`/v1/agents/${agentId}/suspend`, key, {})],
    ['a kill', 202, ({ agentId }, key) => mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, key, {})],
  ])(
    'does not block %s in the same tree until MongoDB aborts the transaction of the killed process',
    async (_what, status, request) => {
      const partner = await mir.partner();
      const root = await insertAgent(mir.ctx.store, partner, { type: 'SERVICE_ACCOUNT' });
      const api = await start('api', mir.env);
      await killInTransaction(api, partner, root);
      expect(await isWritten(root)).toBe(true);
      expect((await request(root, partner.liveKey)).status).toBe(status);
      expect(await isWritten(root)).toBe(false);
    },
  );
});
