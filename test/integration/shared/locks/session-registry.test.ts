import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../../../../shared/domain/ids';
import { openRegisteredSession } from '../../../../shared/locks/session-registry';
import type { StoreSession } from '../../../../shared/store/store';
import { type Harness, startHarness } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
let agentId: string;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
  ({ agentId } = await insertAgent(mir.ctx.store, await mir.partner()));
});
afterAll(() => mir.close());

const rename = (name: string, session: StoreSession) =>
  mir.ctx.store.agents.model.updateOne({ _id: agentId }, { $set: { name } }, { session });

const storedName = async () => (await mir.ctx.store.agents.model.findById(agentId).lean())!.name;

describe('registered sessions', () => {
  it('end the transaction that a dead process left open', async () => {
    const subject = newId('csc');
    const { queueLink, keys, store } = mir.ctx;
    // What a process leaves that dies in a transaction: a name without a heartbeat.
    const dead = await store.openSession();
    await queueLink.client.sadd(keys.lockSessions(subject), dead.name);
    dead.session.startTransaction();
    await rename('of the dead', dead.session);

    const own = await openRegisteredSession(mir.ctx, subject);
    try {
      await store.transaction(() => rename('of the living', own.session), 20_000, own.session);
      expect(await storedName()).toBe('of the living');
      await expect(dead.session.commitTransaction()).rejects.toMatchObject({ name: 'MongoServerError' });
      await waitUntil(
        'the dead session is forgotten',
        async () => (await queueLink.client.sismember(keys.lockSessions(subject), dead.name)) === 0,
      );
    } finally {
      own.close();
      await dead.session.endSession();
    }
  });

  it('leave the sessions of living processes alone', async () => {
    const subject = newId('csc');
    const first = await openRegisteredSession(mir.ctx, subject);
    first.session.startTransaction();
    await rename('of the first', first.session);
    const second = await openRegisteredSession(mir.ctx, subject);
    try {
      // Longer than the heartbeat of a dead process lasts.
      const openedAt = Date.now();
      await waitUntil('several heartbeats have passed', () => Date.now() - openedAt > 1_500);
      await first.session.commitTransaction();
      expect(await storedName()).toBe('of the first');
    } finally {
      first.close();
      second.close();
    }
  });

  it('are forgotten when they are closed', async () => {
    const subject = newId('csc');
    const { queueLink, keys } = mir.ctx;
    const own = await openRegisteredSession(mir.ctx, subject);
    expect(await queueLink.client.smembers(keys.lockSessions(subject))).toEqual([own.name]);
    own.close();
    await waitUntil('it is forgotten', async () => (await queueLink.client.exists(keys.lockSessions(subject))) === 0);
  });
});
