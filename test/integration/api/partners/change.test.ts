import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditContextForAdmin } from '../../../../api/db/audit-context';
import { rotateKey } from '../../../../api/partners/rotate-keys';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { asAdmin, auditOf, startSecondApi, statusWith } from '../../../support/partners';

const MANY = 120;

let h: Harness;
let other: Awaited<ReturnType<typeof startSecondApi>>;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  other = await startSecondApi(h);
});
afterAll(async () => {
  await other.close();
  await h.close();
});

const rotate = (partnerId: string, body: unknown = { env: 'live' }) =>
  asAdmin(h.client, 'POST', `/partners/${partnerId}/keys/rotate`, body);
const patch = (partnerId: string, body: unknown) => asAdmin(h.client, 'PATCH', `/partners/${partnerId}`, body);

describe('rotating a key', () => {
  it('has the old key refused by every process after its answer, and the new one taken', async () => {
    const { partnerId, liveKey, testKey } = await h.partner();
    expect(await statusWith(h.client, liveKey)).toBe(200);
    expect(await statusWith(other.client, liveKey)).toBe(200);
    const { status, body } = await rotate(partnerId, { env: 'live', reason: 'was in a log' });
    expect(status).toBe(200);
    expect(body).toEqual({ partnerId, env: 'live', apiKey: expect.stringMatching(/^mir_live_/) });
    for (const { client } of [h, other]) {
      expect(await statusWith(client, liveKey)).toBe(401);
      expect(await statusWith(client, body.apiKey)).toBe(200);
      expect(await statusWith(client, testKey)).toBe(200);
    }
    const [entry] = await auditOf(h.ctx, partnerId);
    expect(entry).toMatchObject({ action: 'partner.key.rotated', partnerId, reason: 'was in a log' });
    const stored = (await h.ctx.store.partners.get(partnerId))!;
    for (const { hash } of stored.keys) expect(JSON.stringify(entry)).not.toContain(hash);
    expect(JSON.stringify(entry)).not.toContain(body.apiKey);
  });

  it('never lets a key back in that requests keep using while it is rotated', async () => {
    const { partnerId, liveKey } = await h.partner();
    const rotated = { done: false };
    const statuses = async (client: typeof h.client): Promise<void> => {
      while (!rotated.done) await statusWith(client, liveKey);
    };
    const traffic = [statuses(h.client), statuses(other.client)];
    const { body } = await rotate(partnerId);
    const after = await Promise.all(
      [h, other].flatMap(({ client }) => Array.from({ length: 10 }, () => statusWith(client, liveKey))),
    );
    rotated.done = true;
    await Promise.all(traffic);
    expect(new Set(after)).toEqual(new Set([401]));
    expect(await statusWith(other.client, body.apiKey)).toBe(200);
  });

  it('leaves one living key when two rotate at once, whichever process they meet', async () => {
    const { partnerId, liveKey, testKey } = await h.partner();
    const answers = await Promise.all([
      rotate(partnerId),
      asAdmin(other.client, 'POST', `/partners/${partnerId}/keys/rotate`, { env: 'live' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const living: string[] = [];
    for (const key of [liveKey, ...answers.map(({ body }) => body.apiKey as string)]) {
      if ((await statusWith(h.client, key)) === 200) living.push(key);
    }
    expect(living).toHaveLength(1);
    const stored = (await h.ctx.store.partners.get(partnerId))!;
    expect(stored.keys.map(({ env }) => env).sort()).toEqual(['live', 'test']);
    expect(await statusWith(h.client, testKey)).toBe(200);
    expect(await auditOf(h.ctx, partnerId)).toHaveLength(2);
  });

  it('leaves one living key per environment after many rotations at once', async () => {
    const { partnerId } = await h.partner();
    const rotations = Array.from({ length: 8 }, (_, n) =>
      rotateKey(h.ctx, partnerId, { env: n % 2 ? 'live' : 'test' }, auditContextForAdmin({ requestId: `many-${n}` })),
    );
    const keys = (await Promise.all(rotations)).map(({ apiKey }) => apiKey);
    const statuses = await Promise.all(keys.map((key) => statusWith(other.client, key)));
    const living = keys.filter((_, n) => statuses[n] === 200).map((key) => key.slice(0, 8));
    expect(living.sort()).toEqual(['mir_live', 'mir_test']);
    expect(await auditOf(h.ctx, partnerId)).toHaveLength(8);
  });

  it('changes nothing while the queue store is away', async () => {
    const cut = await startSecondApi(h);
    const { partnerId, liveKey } = await h.partner();
    cut.ctx.queueLink.client.disconnect();
    const rejected = await asAdmin(cut.client, 'POST', `/partners/${partnerId}/keys/rotate`, { env: 'live' });
    await cut.close();
    expect(rejected).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
    expect(await statusWith(h.client, liveKey)).toBe(200);
    expect(await auditOf(h.ctx, partnerId)).toEqual([]);
  });

  it('answers 404 for an unknown partner and 422 for an unknown environment', async () => {
    expect((await rotate('prt_none')).status).toBe(404);
    const { partnerId } = await h.partner();
    expect((await rotate(partnerId, { env: 'prod' })).status).toBe(422);
  });
});

describe('changing a partner', () => {
  it('has a suspended partner refused on the next request, in every process, until it is let in again', async () => {
    const { partnerId, liveKey, testKey } = await h.partner();
    for (const { client } of [h, other]) expect(await statusWith(client, liveKey)).toBe(200);
    expect((await patch(partnerId, { suspended: true, reason: 'stolen' })).body.suspended).toBe(true);
    for (const { client } of [h, other]) {
      for (const key of [liveKey, testKey]) {
        expect((await client.get('/events', key)).body).toMatchObject({ status: 403, code: 'PARTNER_SUSPENDED' });
      }
    }
    await patch(partnerId, { suspended: false });
    for (const { client } of [h, other]) expect(await statusWith(client, liveKey)).toBe(200);
    const actions = (await auditOf(h.ctx, partnerId)).map(({ action, reason }) => [action, reason]);
    expect(actions).toEqual([
      ['partner.suspended', 'stolen'],
      ['partner.unsuspended', null],
    ]);
  });

  it('has new limits counted on the next request', async () => {
    const { partnerId, liveKey } = await h.partner();
    await statusWith(other.client, liveKey);
    const { body } = await patch(partnerId, { limits: { requestsPerMinute: 3 } });
    expect(body.limits).toEqual({ eventsPerMinute: 10_000_000, requestsPerMinute: 3 });
    const answer = await other.client.get('/events', liveKey);
    expect(answer.headers.get('ratelimit-policy')).toBe('"requests";q=3;w=60');
  });

  it('keeps both of two changes made at once', async () => {
    const { partnerId } = await h.partner();
    await Promise.all([patch(partnerId, { plan: 'STANDARD' }), patch(partnerId, { limits: { eventsPerMinute: 5 } })]);
    const { body } = await asAdmin(h.client, 'GET', `/partners/${partnerId}`);
    expect(body).toMatchObject({ plan: 'STANDARD', limits: { eventsPerMinute: 5 } });
  });

  it('takes many changes at once, whichever process they meet: each is made, none is refused for the others', async () => {
    const { partnerId } = await h.partner();
    const patches = Array.from({ length: MANY }, (_, n) =>
      asAdmin((n % 2 ? h : other).client, 'PATCH', `/partners/${partnerId}`, { limits: { eventsPerMinute: n + 1 } }),
    );
    const answers = await Promise.all(patches);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const made = (await auditOf(h.ctx, partnerId)).map(({ before, after }) => ({ before, after }));
    expect(made).toHaveLength(MANY);
    // One after the other: each began with what the one before it left.
    made.slice(1).forEach(({ before }, n) => expect(before).toEqual(made[n]!.after));
  });

  it('tells the audit what was and what is, and nothing when nothing changes', async () => {
    const { partnerId } = await h.partner();
    await patch(partnerId, { plan: 'STANDARD', allowedReturnOrigins: ['https://shop.example/'] });
    await patch(partnerId, { plan: 'STANDARD', allowedReturnOrigins: ['https://shop.example'] });
    expect(await auditOf(h.ctx, partnerId)).toMatchObject([
      {
        action: 'partner.updated',
        actor: { kind: 'OPERATOR', via: 'ADMIN_API' },
        before: { plan: 'ENTERPRISE', allowedReturnOrigins: [] },
        after: { plan: 'STANDARD', allowedReturnOrigins: ['https://shop.example'] },
      },
    ]);
  });

  it.each([{}, { reason: 'only a reason' }, { name: 'New name' }, { limits: {} }, { suspended: 'yes' }])(
    'refuses %j',
    async (body) => {
      const { partnerId } = await h.partner();
      expect(await patch(partnerId, body)).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    },
  );

  it('shows no hash of a key', async () => {
    const { partnerId } = await h.partner();
    const { body } = await asAdmin(h.client, 'GET', `/partners/${partnerId}`);
    expect(Object.keys(body.keys[0]).sort()).toEqual(['createdAt', 'env', 'prefix']);
    expect((await asAdmin(h.client, 'GET', '/partners/prt_none')).status).toBe(404);
  });
});
