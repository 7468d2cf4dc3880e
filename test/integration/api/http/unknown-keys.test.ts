import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MAX_UNKNOWN_KEYS_PER_ADDRESS, UNKNOWN_KEY_TTL_MS } from '../../../../shared/authz/key-lookups';
import { newApiKey, parseApiKey } from '../../../../shared/domain/api-key';
import { newPartnerTag, tagOf } from '../../../../shared/domain/ids';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { asAdmin, startSecondApi } from '../../../support/partners';
import { expectProblem } from '../../../support/problems';
import type { ServedApi } from '../../../support/serve-api';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
afterAll(() => mir.close());

const unknownKey = (tag = newPartnerTag()): string => newApiKey('live', tag).key;

let addresses = 0;
/** Returns a client address that no other test uses. */
const newAddress = (): string => `10.7.0.${(addresses += 1)}`;
const list = (key: string, address: string, api: Pick<ServedApi, 'client'> = mir): Promise<TestResponse> =>
  api.client.request('GET', '/v1/events', { key, headers: { 'x-forwarded-for': address } });

/** Returns the Redis scripts and MongoDB lookups that `work` causes in this API. */
async function costOf(work: () => Promise<unknown>): Promise<{ scripts: number; lookups: number }> {
  const { queueLink, store } = mir.ctx;
  const { partners, agents } = store.urgent;
  const commands = jest.spyOn(queueLink.client, 'sendCommand');
  const lookups = [jest.spyOn(partners, 'byKeyHash'), jest.spyOn(agents, 'byKeyHash')];
  try {
    await work();
    return {
      scripts: commands.mock.calls.filter(([{ name }]) => /^eval/i.test(name)).length,
      lookups: lookups.reduce((sum, { mock }) => sum + mock.calls.length, 0),
    };
  } finally {
    for (const spy of [commands, ...lookups]) spy.mockRestore();
  }
}

/** Sends unknown keys from an address until MIR rejects it. */
async function exhaust(address: string): Promise<void> {
  await Promise.all(Array.from({ length: MAX_UNKNOWN_KEYS_PER_ADDRESS }, () => list(unknownKey(), address)));
}

describe('an unknown API key', () => {
  it('costs no script and no lookup when it is repeated', async () => {
    const [key, address] = [unknownKey(), newAddress()];
    const first = await costOf(async () => expectProblem(await list(key, address), 401, 'API_KEY_INVALID'));
    expect(first.lookups).toBe(1);
    expect(first.scripts).toBeGreaterThan(0);
    const repeats = async () => {
      for (let n = 0; n < 20; n += 1) expectProblem(await list(key, address), 401, 'API_KEY_INVALID');
      const event = await mir.client.post('/v1/events', key, anEvent(), { 'x-forwarded-for': address });
      expectProblem(event, 401, 'API_KEY_INVALID');
    };
    expect(await costOf(repeats)).toEqual({ scripts: 0, lookups: 0 });
  });

  it('counts once against the limit, however often it is repeated', async () => {
    const [key, address] = [unknownKey(), newAddress()];
    for (let n = 0; n <= MAX_UNKNOWN_KEYS_PER_ADDRESS; n += 1) expect((await list(key, address)).status).toBe(401);
    expect((await list(unknownKey(), address)).status).toBe(401);
  });

  it(`becomes valid within ${UNKNOWN_KEY_TTL_MS} ms once another process has created it`, async () => {
    const partner = await mir.partner();
    const { key, hash, prefix } = newApiKey('live', partner.key.tag);
    expectProblem(await list(key, newAddress()), 401, 'API_KEY_INVALID');
    const keys = [{ env: 'live' as const, hash, prefix, createdAt: new Date() }];
    await mir.ctx.store.partners.model.updateOne({ _id: partner.partnerId }, { $push: { keys: { $each: keys } } });
    const since = Date.now();
    await waitUntil('the key is valid', async () => (await list(key, newAddress())).status === 200);
    expect(Date.now() - since).toBeLessThan(UNKNOWN_KEY_TTL_MS + 2_000);
  });

  it('becomes valid at once in the process that has created it', async () => {
    const partner = await mir.partner();
    const { key, hash, prefix } = newApiKey('live', partner.key.tag);
    expectProblem(await list(key, newAddress()), 401, 'API_KEY_INVALID');
    await mir.ctx.authorizer.withInvalidation(tagOf(partner.partnerId), { keyHashes: [hash] }, async () => {
      const keys = [{ env: 'live' as const, hash, prefix, createdAt: new Date() }];
      await mir.ctx.store.partners.model.updateOne({ _id: partner.partnerId }, { $push: { keys: { $each: keys } } });
    });
    expect((await list(key, newAddress())).status).toBe(200);
  });

  it('stays invalid after its key was rotated, in every process', async () => {
    const { partnerId, liveKey } = await mir.partner();
    const second = await startSecondApi(mir);
    try {
      for (const api of [mir, second]) expect((await list(liveKey, newAddress(), api)).status).toBe(200);
      const { body } = await asAdmin(mir.client, 'POST', `/partners/${partnerId}/keys/rotate`, { env: 'live' });
      for (const api of [mir, second, mir, second]) {
        expectProblem(await list(liveKey, newAddress(), api), 401, 'API_KEY_INVALID');
        expect((await list(body.apiKey as string, newAddress(), api)).status).toBe(200);
      }
    } finally {
      await second.close();
    }
  });

  it('keeps the error of a revoked agent, which is not treated as unknown', async () => {
    const agent = await insertAgent(mir.ctx.store, await mir.partner(), { killedAt: new Date() });
    for (let n = 0; n < 3; n += 1) expectProblem(await list(agent.apiKey, newAddress()), 401, 'AGENT_KEY_REVOKED');
  });
});

describe('many unknown API keys from one address', () => {
  it('get 429 with Retry-After before any lookup', async () => {
    const address = newAddress();
    await exhaust(address);
    const flood = async () => {
      const responses = await Promise.all(Array.from({ length: 30 }, () => list(unknownKey(), address)));
      for (const response of responses) {
        expectProblem(response, 429, 'RATE_LIMITED');
        expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      }
    };
    expect((await costOf(flood)).lookups).toBe(0);
    expect((await list(unknownKey(), newAddress())).status).toBe(401);
  });

  it('cannot exceed the limit by more than a few lookups when they arrive at once', async () => {
    const address = newAddress();
    const burst = MAX_UNKNOWN_KEYS_PER_ADDRESS * 3;
    const { lookups } = await costOf(() =>
      Promise.all(Array.from({ length: burst }, () => list(unknownKey(), address))),
    );
    expect(lookups).toBeGreaterThanOrEqual(MAX_UNKNOWN_KEYS_PER_ADDRESS);
    expect(lookups).toBeLessThan(MAX_UNKNOWN_KEYS_PER_ADDRESS + 20);
  });

  it('do not affect a valid key at the same address', async () => {
    const address = newAddress();
    const [used, cached] = [await mir.partner(), await mir.partner()];
    const second = await startSecondApi(mir);
    try {
      expect((await list(used.liveKey, address)).status).toBe(200);
      expect((await list(cached.liveKey, address, second)).status).toBe(200);
      await exhaust(address);
      // This process has not seen the key, but its row is in Redis.
      expect((await list(cached.liveKey, address)).status).toBe(200);
      // The row is no longer in Redis, but this process has seen the key.
      const { tag, hash } = parseApiKey(used.liveKey)!;
      await mir.ctx.queueLink.client.del(mir.ctx.keys.credential(tag, hash));
      expect((await list(used.liveKey, address)).status).toBe(200);
      expectProblem(await list(unknownKey(), address), 429, 'RATE_LIMITED');
    } finally {
      await second.close();
    }
  });

  it('are counted by the /64 prefix of an IPv6 address', async () => {
    await exhaust('2001:db8:7:1::1');
    expect((await list(unknownKey(), '2001:db8:7:1::2')).status).toBe(429);
    expect((await list(unknownKey(), '2001:db8:7:2::1')).status).toBe(401);
  });

  it('do not count the lookups of many valid keys at once', async () => {
    const address = newAddress();
    const partners = await Promise.all(Array.from({ length: MAX_UNKNOWN_KEYS_PER_ADDRESS + 20 }, () => mir.partner()));
    const responses = await Promise.all(partners.map(({ liveKey }) => list(liveKey, address)));
    expect([...new Set(responses.map(({ status }) => status))]).toEqual([200]);
    expect((await list(unknownKey(), address)).status).toBe(401);
  });
});
