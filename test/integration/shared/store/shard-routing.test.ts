import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { tenantOf } from '../../../../shared/domain/ids';
import { anEvent } from '../../../support/builders';
import { register } from '../../../support/agents';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { forgetSignals } from '../../../support/forget-signals';
import { linkUser, newPerson, unlinkUser } from '../../../support/link';
import { resolveUser } from '../../../support/resolve-user';
import { scriptMongos, type SentCommand } from '../../../support/scripted-mongos';
import { targetedCommands } from '../../../support/shard-targets';
import { tcpProxies } from '../../../support/tcp-proxy';
import { testStores } from '../../../support/test-stores';
import { waitUntil } from '../../../support/wait-until';

/**
 * Commands that go to every shard, none of which serves a request that hits the cache or commits an event. scaling.md
 * lists them.
 */
const FAN_OUT = [
  /^find agents (key\.hash|revokedKeyRef|expiryCheckAt|_id)$/,
  /^update agents _id(,killedAt)?$/,
  /^(find|aggregate) audit chain,sealed$/,
  /^find erasures (_id|nextLookAt,status|status)$/,
  /^find refreshes (dueAt)?$/,
  /^find webhook_deliveries (_id|nextLookAt,status|status|format,status)$/,
  /^update webhook_deliveries _id,status$/,
];

let mir: Harness;
let sent: SentCommand[];
let partner: TestPartner;
let other: TestPartner;
beforeAll(async () => {
  const mongos = await openProxy(testStores().mongoUrl);
  sent = scriptMongos(mongos);
  mir = await startHarness({ env: { MONGO_URL: mongos.url } });
  [partner, other] = [await mir.partner(), await mir.partner()];
});
// Before the proxies close.
afterAll(() => mir.close());
const openProxy = tcpProxies();

/** Returns the commands to sharded collections that MIR sends during `work`. */
async function during(work: () => Promise<void>) {
  sent.length = 0;
  await work();
  const commands = targetedCommands(sent);
  return { commands, shapes: [...new Set(commands.map(({ shape }) => shape))] };
}

/** Returns the commands that a mongos would send to every shard although they are part of the hot path. */
const unexpectedFanOut = ({ commands }: Awaited<ReturnType<typeof during>>): string[] =>
  commands
    .filter(({ shape, isRouted }) => !isRouted && !FAN_OUT.some((allowed) => allowed.test(shape)))
    .map(({ shape }) => shape);

const submitTo = async (harness: Harness, key: string, events: object[]): Promise<string> => {
  const { status, body } = await harness.client.post('/v1/events', key, { events });
  expect(status).toBe(202);
  await harness.drained();
  return body.receiptId;
};
const submit = (key: string, events: object[]) => submitTo(mir, key, events);

const eventOf = (userExternalId: string) => anEvent({ userExternalId, idempotencyKey: randomUUID() });

describe('on a sharded cluster (scripted mongos)', () => {
  it('commits events, repeats and users’ counters on the shard of their tenant', async () => {
    const events = [eventOf('u-0'), eventOf('u-1')];
    const recorded = await during(async () => {
      await submit(partner.liveKey, events);
      await submit(partner.liveKey, [...events, eventOf('u-0')]);
    });
    expect(unexpectedFanOut(recorded)).toEqual([]);
    expect(recorded.shapes).toEqual(
      expect.arrayContaining([
        'find users _id,tenant',
        'find events _id,tenant',
        'insert events',
        'insert users',
        'update users _id,tenant',
        'insert receipt_parts',
        'update usage _id,tenant',
      ]),
    );
  });

  it('commits an agent’s events on the shard of its tenant', async () => {
    const agent = await register(mir.client, partner.liveKey);
    const recorded = await during(async () => void (await submit(agent.key, [eventOf('u-0')])));
    expect(unexpectedFanOut(recorded)).toEqual([]);
    expect(recorded.shapes).toContain('find agents _id,tenant');
  });

  it('reads receipts, and signals that are not cached, from the shard of their tenant', async () => {
    const receiptId = await submit(partner.liveKey, [eventOf('u-2')]);
    const recorded = await during(async () => {
      expect((await mir.client.get(`/v1/events/receipts/${receiptId}`, partner.liveKey)).body.status).toBe('DONE');
      expect((await mir.client.get('/v1/events/receipts', partner.liveKey)).body.data).not.toEqual([]);
      expect((await mir.client.get('/v1/rejected-events', partner.liveKey)).status).toBe(200);
      expect((await mir.client.get('/v1/usage', partner.liveKey)).status).toBe(200);
      expect((await resolveUser(mir, partner, 'u-2')).source).toBe('cache');
      expect((await resolveUser(mir, partner, 'never-seen')).source).toBe('store');
    });
    expect(unexpectedFanOut(recorded)).toEqual([]);
    expect(recorded.shapes).toEqual(
      expect.arrayContaining([
        'find receipt_parts _id,tenant',
        'find receipt_parts listedFor,receivedAt,tenant',
        'find rejected_events rejectedAt,tenant',
        'find users _id,tenant',
      ]),
    );
  });

  it('links users, reads the linked history, and updates the cache on the shards of the person and the tenants', async () => {
    const person = await newPerson(mir);
    for (const { liveKey } of [partner, other]) await submit(liveKey, [eventOf('linked')]);
    const recorded = await during(async () => {
      for (const one of [partner, other]) await linkUser(mir, one, 'linked', person);
      const userRef = mir.ctx.secrets.userRef(tenantOf(other.partnerId, 'live'), 'linked');
      await forgetSignals(mir, userRef);
      const { source, ...signals } = await resolveUser(mir, partner, 'linked');
      expect({ source, signals }).toEqual({ source: 'store', signals: { linked: true, eventCount: 2 } });
      expect(await unlinkUser(mir, person, userRef)).toBe('done');
    });
    expect(unexpectedFanOut(recorded)).toEqual([]);
    expect(recorded.shapes).toEqual(
      expect.arrayContaining([
        'findAndModify users _id,tenant',
        'findAndModify memberships _id',
        'insert refreshes',
        'delete refreshes _id',
        'find users _id,tenant',
      ]),
    );
  });

  it('erases a user on the shard of the tenant', async () => {
    await submit(partner.liveKey, [eventOf('erased')]);
    const recorded = await during(async () => {
      const { body } = await mir.client.post('/v1/users/erase', partner.liveKey, { userExternalId: 'erased' });
      const path = `/v1/users/erase/${body.receiptId}`;
      await waitUntil('the user is erased', async () => {
        return (await mir.client.get(path, partner.liveKey)).body.status === 'DONE';
      });
    });
    expect(unexpectedFanOut(recorded)).toEqual([]);
    expect(recorded.shapes).toEqual(expect.arrayContaining(['delete events _id,tenant', 'insert erasures']));
  });

  it('stores every event once, although the commands pass through the mongos', async () => {
    const event = eventOf('counted');
    await submit(partner.liveKey, [event, eventOf('counted')]);
    await submit(partner.liveKey, [event]);
    expect(await resolveUser(mir, partner, 'counted')).toMatchObject({ eventCount: 2 });
  });
});

describe('on a replica set', () => {
  it('commits without a condition on the tenant, which would slow down each update', async () => {
    const proxy = await openProxy(testStores().mongoUrl);
    const plain = await startHarness({ env: { MONGO_URL: proxy.url } });
    try {
      const { liveKey } = await plain.partner();
      await submitTo(plain, liveKey, [eventOf('u-0')]);
      const commands: SentCommand[] = [];
      proxy.respondWith((name, command) => {
        commands.push({ name, command });
        return null;
      });
      await submitTo(plain, liveKey, [eventOf('u-0')]);
      const shapes = targetedCommands(commands).map(({ shape }) => shape);
      expect(shapes).toEqual(
        expect.arrayContaining(['find users _id', 'find events _id', 'update users _id', 'update usage _id']),
      );
      expect(shapes.filter((shape) => shape.endsWith('_id,tenant'))).toEqual([]);
    } finally {
      await plain.close();
    }
  });
});
