import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
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

describe('openRegisteredSession', () => {
  it('ends the transaction that a dead process left open', async () => {
    const subject = newId('csc');
    const { queueLink, keys, store } = mir.ctx;
    // A process that dies during a transaction leaves a session name without a heartbeat in the registry.
    const dead = await store.openSession();
    await queueLink.client.sadd(keys.lockSessions(subject), dead.name);
    dead.session.startTransaction();
    await rename('by the dead process', dead.session);

    const own = await openRegisteredSession(mir.ctx, subject);
    try {
      await store.transaction(() => rename('by the live process', own.session), 20_000, own.session);
      expect(await storedName()).toBe('by the live process');
      await expect(dead.session.commitTransaction()).rejects.toMatchObject({ name: 'MongoServerError' });
      await waitUntil(
        'the dead session is removed',
        async () => (await queueLink.client.sismember(keys.lockSessions(subject), dead.name)) === 0,
      );
    } finally {
      own.close();
      await dead.session.endSession();
    }
  });

  it('leaves the sessions of running processes open', async () => {
    const subject = newId('csc');
    const first = await openRegisteredSession(mir.ctx, subject);
    first.session.startTransaction();
    await rename('by the first session', first.session);
    const second = await openRegisteredSession(mir.ctx, subject);
    try {
      // Wait longer than 1 s, after which a session without a heartbeat is presumed dead.
      const openedAt = Date.now();
      await waitUntil('several heartbeats have passed', () => Date.now() - openedAt > 1_500);
      await first.session.commitTransaction();
      expect(await storedName()).toBe('by the first session');
    } finally {
      first.close();
      second.close();
    }
  });

  it('never ends a session of a running process while sessions are opened and closed', async () => {
    const subject = newId('csc');
    const killed: string[] = [];
    const store = {
      openSession: () => mir.ctx.store.openSession(),
      killSessions: (names: string[]) => {
        killed.push(...names);
        return mir.ctx.store.killSessions(names);
      },
    };
    const openAndClose = async (): Promise<void> => {
      for (let n = 0; n < 200; n += 1) {
        const own = await openRegisteredSession({ ...mir.ctx, store }, subject);
        await mir.ctx.queueLink.client.ping();
        own.close();
      }
    };
    await Promise.all([openAndClose(), openAndClose(), openAndClose()]);
    expect(killed).toEqual([]);
  });

  it('does not use a session again if it could not be removed from the registry', async () => {
    const client = new Redis({ lazyConnect: true, maxRetriesPerRequest: 0 });
    client.disconnect();
    const queueLink = { ...mir.ctx.queueLink, client };
    const own = await openRegisteredSession({ ...mir.ctx, queueLink }, newId('csc'));
    own.close();
    await waitUntil('the session has ended', () => own.session.hasEnded);
    const next = await Promise.all(Array.from({ length: 50 }, () => mir.ctx.store.openSession()));
    expect(next.map(({ name }) => name)).not.toContain(own.name);
    await Promise.all(next.map(({ session }) => session.endSession()));
  });

  it('removes a session from the registry when the session is closed', async () => {
    const subject = newId('csc');
    const { queueLink, keys } = mir.ctx;
    const own = await openRegisteredSession(mir.ctx, subject);
    expect(await queueLink.client.smembers(keys.lockSessions(subject))).toEqual([own.name]);
    own.close();
    await waitUntil(
      'the session is removed',
      async () => (await queueLink.client.exists(keys.lockSessions(subject))) === 0,
    );
  });
});
