import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newApiKey } from '../../../shared/domain/api-key';
import { AI_MAX_EVENTS_PER_BATCH } from '../../../shared/domain/agent';
import { MAX_EVENTS_PER_CALL } from '../../../shared/domain/event';
import { someEvents } from '../../support/builders';
import type { TestResponse } from '../../support/client';
import type { Harness, TestPartner } from '../../support/harness';
import { insertAgent } from '../../support/insert-agent';
import { anonymousSession, confirmedAccount, sharedHarnessForPeople } from '../../support/people';
import { newAddress, unique } from '../matrix/resources';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarnessForPeople();
  partner = await mir.partner();
});
afterAll(() => mir.close());

/** Returns how many event types and users the API looked at while it handled a submission. */
async function itemsRead(send: () => Promise<TestResponse>): Promise<{ status: number; items: number; users: number }> {
  const { catalog, secrets } = mir.ctx;
  const items = jest.spyOn(catalog, 'has');
  const users = jest.spyOn(secrets, 'userRef');
  try {
    const { status } = await send();
    return { status, items: items.mock.calls.length, users: users.mock.calls.length };
  } finally {
    items.mockRestore();
    users.mockRestore();
  }
}

const batch = { events: someEvents(MAX_EVENTS_PER_CALL) };
const submit = (key: string, body: unknown = batch) => mir.client.post('/v1/events', key, body, newAddress());

describe('work before authorization', () => {
  it('control: reads every item of an accepted batch', async () => {
    const read = await itemsRead(() => submit(partner.liveKey));
    expect([read.status, read.items]).toEqual([202, MAX_EVENTS_PER_CALL]);
  });

  it.each<[string, number, () => Promise<string>]>([
    ['without a key', 401, () => Promise.resolve('')],
    ['with a malformed key', 401, () => Promise.resolve('mir_live_x')],
    ['with an unknown key', 401, () => Promise.resolve(newApiKey('live', partner.key.tag).key)],
    ['of a suspended partner', 403, async () => (await mir.partner({ suspended: true })).liveKey],
    [
      'of an agent without the scope',
      403,
      async () => (await insertAgent(mir.ctx.store, partner, { preset: 'READ_ONLY' })).apiKey,
    ],
    [
      'of a revoked agent',
      401,
      async () => (await insertAgent(mir.ctx.store, partner, { killedAt: new Date() })).apiKey,
    ],
    [
      'beyond the budget',
      422,
      async () => (await mir.partner({ limits: { eventsPerMinute: 10, requestsPerMinute: 10 } })).liveKey,
    ],
  ])('reads no item of a batch %s', async (_name, status, keyOf) => {
    const key = await keyOf();
    expect(await itemsRead(() => submit(key))).toEqual({ status, items: 0, users: 0 });
  });

  it('reads no item of a batch that is too large for an AI agent', async () => {
    const { apiKey } = await insertAgent(mir.ctx.store, partner);
    const events = someEvents(AI_MAX_EVENTS_PER_BATCH + 1, { idempotencyKey: 'k' });
    expect(await itemsRead(() => submit(apiKey, { events }))).toEqual({ status: 422, items: 0, users: 0 });
  });

  // A submission of up to 128 KiB is parsed in one piece before it is scanned, which is faster for ordinary batches.
  it.each([
    ['/v1/events', 100_000],
    ['/v1/resolve', 2_000],
    ['/v1/agents', 2_000],
    ['/v1/partners/applications', 2_000],
  ])('never parses JSON that is nested too deeply: %s', async (path, depth) => {
    const body = `{"a":${'[1,'.repeat(depth)}`;
    const parse = jest.spyOn(JSON, 'parse');
    try {
      const { status } = await mir.client.post(path, partner.liveKey, body, newAddress());
      const parsed = parse.mock.calls.filter(([text]) => text.includes('[1,[1,'));
      expect([status, parsed.length]).toEqual([400, 0]);
    } finally {
      parse.mockRestore();
    }
  });
});

describe('password hashes', () => {
  const hashes = async (): Promise<number> =>
    (await mir.ctx.metrics.passwordHashes.get()).values.reduce((sum, { value }) => sum + value, 0);

  it('are computed at most once per login, and never for a form that is rejected for another reason', async () => {
    const email = `work-${unique()}@example.org`;
    await confirmedAccount(mir, email);
    const session = anonymousSession(mir);
    const page = await session.get('/login');
    const cost = async (send: () => Promise<{ status: number }>): Promise<[number, number]> => {
      const before = await hashes();
      const { status } = await send();
      return [status, (await hashes()) - before];
    };
    const password = 'a wrong password';
    expect(await cost(() => session.submit(page, { email, password }))).toEqual([422, 1]);
    expect(await cost(() => session.submit(page, { email: `un-${email}`, password }))).toEqual([422, 1]);
    expect(await cost(() => session.submit(page, { email, password: '' }))).toEqual([422, 0]);
    expect(await cost(() => session.submit(page, { email: 'x', password }))).toEqual([422, 0]);
    expect(await cost(() => session.post('/login', { email, password }))).toEqual([403, 0]);
    expect(await cost(() => session.post('/login', { email, password: 'x'.repeat(20_000) }))).toEqual([413, 0]);
    const [status, work] = await cost(() => session.submit(page, { email, password: 'x'.repeat(10_000) }));
    expect([status, work <= 1]).toEqual([422, true]);
    const guess = { email, password, origin: 'https://evil.example' };
    expect(await cost(() => session.post('/login', guess, { origin: 'https://evil.example' }))).toEqual([403, 0]);
  });
});
