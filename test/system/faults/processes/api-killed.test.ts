import { beforeAll, describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import type { TestAnswer } from '../../../support/client';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import type { TestProcess } from '../../../support/processes';
import { waitUntil } from '../../../support/wait-until';

/** So many that one of them is nearly always in its transaction. */
const CLIENTS = 8;
const WRITE_CONFLICT = 112;

const { start, serve } = faultEnvironment();
let mir: Harness;
beforeAll(async () => {
  mir = await serve({ workers: false });
});

/** True while somebody's open transaction has written the tree's root: in a transaction a second write conflicts at once. */
async function isHeld({ agentId }: TestAgent): Promise<boolean> {
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

/** Kills a process with -9 right in a transaction that has written the tree's root. */
async function killInTransaction(api: TestProcess, partner: TestPartner, root: TestAgent): Promise<void> {
  const seen = { answers: 0, over: false };
  const patch = async (client: number): Promise<void> => {
    for (let n = 0; !seen.over; n += 1) {
      const options = { key: partner.liveKey, body: { name: `Name ${client}-${n}` } };
      const answer = await api.client.request('PATCH', `/v1/agents/${root.agentId}`, options).catch(() => null);
      if (answer?.status === 200) seen.answers += 1;
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, client) => patch(client));
  let caught = false;
  try {
    while (!caught) {
      const before = seen.answers;
      await waitUntil('the process is at work', () => seen.answers > before);
      process.kill(api.pid, 'SIGSTOP');
      caught = await isHeld(root);
      if (!caught) process.kill(api.pid, 'SIGCONT');
    }
  } finally {
    seen.over = true;
    await api.kill9();
    await Promise.all(clients);
  }
}

describe('an API process killed with SIGKILL', () => {
  it.each<[string, number, (root: TestAgent, key: string) => Promise<TestAnswer>]>([
    ['a change', 200, ({ agentId }, key) => mir.client.post(`/v1/agents/${agentId}/suspend`, key, {})],
    ['a kill', 202, ({ agentId }, key) => mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, key, {})],
  ])(
    'an API process killed in the middle of a change of a tree does not keep %s of that tree waiting until the store gives up on it',
    async (_what, status, ask) => {
      const partner = await mir.partner();
      const root = await insertAgent(mir.ctx.store, partner, { type: 'SERVICE_ACCOUNT' });
      const api = await start('api', mir.env);
      await killInTransaction(api, partner, root);
      expect(await isHeld(root)).toBe(true);
      expect((await ask(root, partner.liveKey)).status).toBe(status);
      expect(await isHeld(root)).toBe(false);
    },
  );
});
