import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { identityRefOf, tenantOf } from '../../../../shared/domain/ids';
import { someEvents } from '../../../support/expected-state';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { forgetSignals } from '../../../support/forget-signals';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { linkUser, newPerson, unlinkUser } from '../../../support/link';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness();
});
afterAll(() => mir.close());

const refOf = (partner: TestPartner, id: string, env: 'live' | 'test' = 'live'): string =>
  mir.ctx.secrets.userRef(tenantOf(partner.partnerId, env), id);
const resolve = (key: string, userExternalId: string): Promise<TestResponse> =>
  mir.client.post('/v1/resolve', key, { userExternalId });
async function submit(key: string, userExternalId: string, count: number, occurredAt?: string): Promise<void> {
  const one = anEvent({ userExternalId, ...(occurredAt === undefined ? {} : { occurredAt }) });
  const { status } = await mir.client.post('/v1/events', key, { events: Array.from({ length: count }, () => one) });
  expect(status).toBe(202);
  await mir.drained();
}

describe('POST /v1/resolve for linked users', () => {
  it("returns the whole history while a user is linked, and only the partner's own events before and after", async () => {
    const [a, b] = [await mir.partner(), await mir.partner()];
    const person = await newPerson(mir);
    await submit(a.liveKey, 'ana-at-a', 5);
    await submit(b.liveKey, 'ana-at-b', 2);
    expect((await resolve(b.liveKey, 'ana-at-b')).body).toMatchObject({
      linked: false,
      eventCount: 2,
      partnerCount: 1,
      basis: { scope: 'OWN' },
    });

    expect(await linkUser(mir, a, 'ana-at-a', person)).toEqual({ kind: 'LINKED', cacheState: 'done' });
    expect((await resolve(b.liveKey, 'ana-at-b')).body).toMatchObject({ linked: false, eventCount: 2 });
    expect(await linkUser(mir, b, 'ana-at-b', person)).toEqual({ kind: 'LINKED', cacheState: 'done' });
    for (const [key, id] of [
      [a.liveKey, 'ana-at-a'],
      [b.liveKey, 'ana-at-b'],
    ] as const) {
      const linked = await resolve(key, id);
      expect(linked.headers.get('x-signals-source')).toBe('cache');
      expect(linked.body).toMatchObject({ linked: true, eventCount: 7, partnerCount: 2, basis: { scope: 'LINKED' } });
    }

    await submit(a.liveKey, 'ana-at-a', 1);
    expect((await resolve(b.liveKey, 'ana-at-b')).body).toMatchObject({ eventCount: 8, partnerCount: 2 });

    expect(await unlinkUser(mir, person, refOf(b, 'ana-at-b'))).toBe('done');
    expect((await resolve(b.liveKey, 'ana-at-b')).body).toMatchObject({
      linked: false,
      eventCount: 2,
      partnerCount: 1,
    });
    expect((await resolve(a.liveKey, 'ana-at-a')).body).toMatchObject({ linked: true, eventCount: 6, partnerCount: 1 });
  });

  it("counts a person's accounts at the same partner as one partner, and returns the total for each account", async () => {
    const [a, b] = [await mir.partner(), await mir.partner()];
    const person = await newPerson(mir);
    for (const id of ['old', 'new', 'shop']) await submit(a.liveKey, id, 2);
    await submit(b.liveKey, 'forum', 3);
    for (const id of ['old', 'new', 'shop']) await linkUser(mir, a, id, person);
    await linkUser(mir, b, 'forum', person);
    const ids = ['old', 'new', 'shop', 'stranger'];
    const { body } = await mir.client.post('/v1/resolve', a.liveKey, { userExternalIds: ids });
    const sum = { linked: true, eventCount: 9, partnerCount: 2 };
    expect(body.results).toMatchObject([sum, sum, sum, { linked: false, eventCount: 0, partnerCount: 0 }]);
  });

  it('counts the first event of a user who had no events when the link was created', async () => {
    const [a, b] = [await mir.partner(), await mir.partner()];
    const person = await newPerson(mir);
    await linkUser(mir, a, 'empty', person);
    expect((await resolve(a.liveKey, 'empty')).body).toMatchObject({ linked: true, eventCount: 0, partnerCount: 0 });
    await submit(b.liveKey, 'busy', 4, '2026-03-01T10:20:30.000Z');
    await linkUser(mir, b, 'busy', person);
    await submit(a.liveKey, 'empty', 1, '2026-02-01T10:20:30.000Z');
    expect((await resolve(b.liveKey, 'busy')).body).toMatchObject({
      eventCount: 5,
      partnerCount: 2,
      history: { firstEventAt: '2026-02-01T00:00:00.000Z' },
    });
  });

  it("returns UTC days for linked histories and exact times for a partner's own events", async () => {
    const a = await mir.partner();
    await submit(a.liveKey, 'timed', 1, '2026-03-01T10:20:30.456Z');
    expect((await resolve(a.liveKey, 'timed')).body.recency.lastEventAt).toBe('2026-03-01T10:20:30.456Z');
    await linkUser(mir, a, 'timed', await newPerson(mir));
    const { recency, history } = (await resolve(a.liveKey, 'timed')).body;
    expect([recency.lastEventAt, history.firstEventAt]).toEqual([
      '2026-03-01T00:00:00.000Z',
      '2026-03-01T00:00:00.000Z',
    ]);
  });

  it('keeps the links of the live and test environments separate', async () => {
    const [a, b] = [await mir.partner(), await mir.partner()];
    const person = await newPerson(mir);
    await submit(a.liveKey, 'u', 5);
    await submit(b.testKey, 'u', 2);
    await linkUser(mir, a, 'u', person);
    await linkUser(mir, b, 'u', person, b.testKey);
    expect((await resolve(a.liveKey, 'u')).body).toMatchObject({ linked: true, eventCount: 5, partnerCount: 1 });
    expect((await resolve(b.testKey, 'u')).body).toMatchObject({ linked: true, eventCount: 2, partnerCount: 1 });
    expect((await resolve(b.liveKey, 'u')).body).toMatchObject({ linked: false, eventCount: 0 });
  });

  it('treats a user as not linked when the identity does not list the user', async () => {
    const [a, b] = [await mir.partner(), await mir.partner()];
    const person = await newPerson(mir);
    await submit(a.liveKey, 'one-sided', 3);
    await submit(b.liveKey, 'whole', 4);
    await linkUser(mir, a, 'one-sided', person);
    await linkUser(mir, b, 'whole', person);
    await mir.ctx.store.memberships.model.updateOne(
      { _id: identityRefOf(person, 'live') },
      { $pull: { members: { tenant: `${a.partnerId}:live` } } },
    );
    await forgetSignals(mir);
    expect((await resolve(a.liveKey, 'one-sided')).body).toMatchObject({ linked: false, eventCount: 3 });
    expect((await resolve(b.liveKey, 'whole')).body).toMatchObject({ linked: true, eventCount: 4, partnerCount: 1 });
  });

  it('returns the same signals from the database and from the cache for a person with many links', async () => {
    const partners = await Promise.all(Array.from({ length: 6 }, () => mir.partner()));
    const person = await newPerson(mir);
    for (const [n, { liveKey }] of partners.entries()) {
      await mir.client.post('/v1/events', liveKey, { events: someEvents(10 + n, 2, 'many') });
    }
    await mir.drained();
    for (const partner of partners) for (const n of [0, 1]) await linkUser(mir, partner, `many-${n}`, person);
    const { liveKey } = partners[0]!;
    const cached = await resolve(liveKey, 'many-0');
    expect(cached.body).toMatchObject({ eventCount: 75, partnerCount: 6 });
    await forgetSignals(mir);
    const stored = await resolve(liveKey, 'many-0');
    expect(stored.headers.get('x-signals-source')).toBe('store');
    const facts = ({ body }: TestResponse): unknown => ({ ...body, asOf: null, includesEventsThrough: null });
    expect(facts(stored)).toEqual(facts(cached));
    await waitUntil('the cache is refilled', async () => {
      return (await resolve(liveKey, 'many-0')).headers.get('x-signals-source') === 'cache';
    });
    expect(facts(await resolve(liveKey, 'many-0'))).toEqual(facts(cached));
  });

  it('reflects each link and unlink in the next response', async () => {
    const [a, b] = [await mir.partner(), await mir.partner()];
    const person = await newPerson(mir);
    await submit(a.liveKey, 'x', 3);
    await submit(b.liveKey, 'y', 4);
    await linkUser(mir, a, 'x', person);
    for (let round = 0; round < 10; round += 1) {
      await linkUser(mir, b, 'y', person);
      expect((await resolve(b.liveKey, 'y')).body).toMatchObject({ linked: true, eventCount: 7 });
      await unlinkUser(mir, person, refOf(b, 'y'));
      expect((await resolve(b.liveKey, 'y')).body).toMatchObject({ linked: false, eventCount: 4 });
      expect((await resolve(a.liveKey, 'x')).body).toMatchObject({ linked: true, eventCount: 3 });
    }
  });
});
