import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestResponse } from '../../../support/client';
import { newApiKey } from '../../../../shared/domain/api-key';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { startSecondApi } from '../../../support/partners';
import { insertMember, newMember } from '../../../support/staff';

const HOUR_MS = 3_600_000;

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
});

const create = (body: object, key = partner.liveKey): Promise<TestResponse> => mir.client.post('/v1/keys', key, body);
async function created(body: object = {}, key = partner.liveKey): Promise<{ keyId: string; apiKey: string }> {
  const { status, body: made } = await create({ name: 'A service', ...body }, key);
  expect(status).toBe(201);
  return made;
}
const list = async (key = partner.liveKey): Promise<{ keyId: string }[]> =>
  (await mir.client.get('/v1/keys', key)).body.data;
const idsOf = async (): Promise<string[]> => (await list()).map(({ keyId }) => keyId);
const statusWith = async (key: string): Promise<number> => (await mir.client.get('/v1/events', key)).status;
const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString();

describe('POST /v1/keys/:id/rotate', () => {
  it('returns a new secret, and keeps the previous one until the overlap ends', async () => {
    const { keyId, apiKey } = await created({ scopes: ['events:read'] });
    const { status, body } = await mir.client.post(`/v1/keys/${keyId}/rotate`, partner.liveKey, {});
    expect(status).toBe(200);
    expect(body).toMatchObject({ keyId, scopes: ['events:read'], expiresAt: null });
    expect(body.previous).toHaveLength(1);
    expect(Math.abs(Date.parse(body.previous[0].validUntil) - Date.parse(inHours(24)))).toBeLessThan(60_000);
    expect([await statusWith(apiKey), await statusWith(body.apiKey)]).toEqual([200, 200]);
    expect(await list()).toHaveLength(2);
  });

  it('ends the previous secret at once with an overlap of 0', async () => {
    const { keyId, apiKey } = await created();
    await mir.client.post(`/v1/keys/${keyId}/rotate`, partner.liveKey, {});
    const { body } = await mir.client.post(`/v1/keys/${keyId}/rotate`, partner.liveKey, { overlapSeconds: 0 });
    expectProblem(await mir.client.get('/v1/events', apiKey), 401, 'API_KEY_INVALID');
    expect([await statusWith(body.apiKey), body.previous]).toEqual([200, []]);
  });

  it('does not shorten an earlier overlap when a client repeats a rotation whose response was lost', async () => {
    const { keyId, apiKey } = await created();
    await mir.client.post(`/v1/keys/${keyId}/rotate`, partner.liveKey, {});
    const { body } = await mir.client.post(`/v1/keys/${keyId}/rotate`, partner.liveKey, { overlapSeconds: 60 });
    expect([await statusWith(apiKey), body.previous.length]).toEqual([200, 2]);
  });

  it('rotates a key from an earlier version, which has no ID of its own, and keeps its ID', async () => {
    const [first] = await list();
    const { body } = await mir.client.post(`/v1/keys/${first!.keyId}/rotate`, partner.liveKey, {});
    expect(body.keyId).toBe(first!.keyId);
    expect(await idsOf()).toEqual([first!.keyId]);
    expect(await statusWith(partner.liveKey)).toBe(200);
    const replaced = await mir.client.post(`/v1/keys/${first!.keyId}/rotate`, partner.liveKey, {});
    expectProblem(replaced, 409, 'CONFLICT');
  });

  it('does not give a key a secret of a key that has more rights', async () => {
    const { apiKey } = await created({ scopes: ['keys:manage', 'events:read'] });
    const [first] = await list();
    const response = await mir.client.post(`/v1/keys/${first!.keyId}/rotate`, apiKey, {});
    expectProblem(response, 403, 'ESCALATION_DENIED');
  });
});

describe('POST /v1/keys/:id/revoke', () => {
  it('revokes a key in every process, with the secrets that it had before', async () => {
    const second = await startSecondApi(mir);
    try {
      const { keyId, apiKey } = await created();
      const { body: rotated } = await mir.client.post(`/v1/keys/${keyId}/rotate`, partner.liveKey, {});
      const secrets = [apiKey, rotated.apiKey as string];
      for (const key of secrets) expect((await second.client.get('/v1/events', key)).status).toBe(200);
      const { body } = await mir.client.post(`/v1/keys/${keyId}/revoke`, partner.liveKey, { reason: 'leaked' });
      expect(body).toEqual({ revokedKeyIds: [keyId], remainingKeyIds: [] });
      for (const key of secrets) {
        expectProblem(await second.client.get('/v1/events', key), 401, 'API_KEY_INVALID');
        expectProblem(await mir.client.get('/v1/events', key), 401, 'API_KEY_INVALID');
      }
    } finally {
      await second.close();
    }
  });

  it('names the keys that descend from the key, and revokes them if asked to', async () => {
    const manager = await created({ scopes: ['keys:manage', 'events:read'] });
    const child = await created({ scopes: ['keys:manage', 'events:read'] }, manager.apiKey);
    const grandchild = await created({ scopes: ['events:read'] }, child.apiKey);
    const { body } = await mir.client.post(`/v1/keys/${manager.keyId}/revoke`, partner.liveKey, {});
    expect(body).toEqual({ revokedKeyIds: [manager.keyId], remainingKeyIds: [child.keyId, grandchild.keyId] });
    expect(await statusWith(grandchild.apiKey)).toBe(200);
    const all = await mir.client.post(`/v1/keys/${child.keyId}/revoke`, partner.liveKey, { includeCreated: true });
    expect(all.body).toEqual({ revokedKeyIds: [child.keyId, grandchild.keyId], remainingKeyIds: [] });
    expect(await statusWith(grandchild.apiKey)).toBe(401);
  });

  it('does not let a key that was just revoked create another one', async () => {
    const { keyId, apiKey } = await created({ scopes: ['keys:manage'] });
    const [made, revoked] = await Promise.all([
      create({ name: 'Raced', scopes: ['keys:manage'] }, apiKey),
      mir.client.post(`/v1/keys/${keyId}/revoke`, partner.liveKey, { includeCreated: true }),
    ]);
    expect(revoked.status).toBe(200);
    expect(revoked.body.revokedKeyIds).toHaveLength(made.status === 201 ? 2 : 1);
    expect(await idsOf()).toHaveLength(1);
  });
});

describe('POST /v1/keys/revoke-leaked', () => {
  it('revokes exactly the reported secret of a partner key, without another key', async () => {
    const { keyId, apiKey } = await created();
    const { body: rotated } = await mir.client.post(`/v1/keys/${keyId}/rotate`, partner.liveKey, {});
    const report = () => mir.client.post('/v1/keys/revoke-leaked', undefined, { apiKey });
    expect((await report()).body).toEqual({ revoked: true });
    expect([await statusWith(apiKey), await statusWith(rotated.apiKey)]).toEqual([401, 200]);
    expectProblem(await report(), 404, 'NOT_FOUND');
    const entry = await mir.ctx.store.audit.model.findOne({ target: keyId, action: 'key.revoked' }).lean();
    expect(entry).toMatchObject({ actor: { kind: 'FINDER' }, reason: expect.stringContaining('leaked') });
  });

  it('sends an email to the administrators, or otherwise to the contact address', async () => {
    const reported = async (): Promise<unknown[]> => {
      const { apiKey } = await created({ name: 'Checkout' });
      await mir.client.post('/v1/keys/revoke-leaked', undefined, { apiKey });
      const { model } = mir.ctx.store.queuedMails;
      const rows = await model.find({ recipientId: partner.partnerId, reason: 'KEY_LEAKED' }).lean();
      await model.deleteMany({ recipientId: partner.partnerId });
      return rows;
    };
    expect(await reported()).toMatchObject([{ facts: { name: 'Checkout', environment: 'live' } }]);
    const { staffId } = await insertMember(mir, partner.partnerId, 'ADMINISTRATOR');
    await insertMember(mir, partner.partnerId, 'VIEWER');
    expect(await reported()).toMatchObject([{ memberStaffId: staffId }]);
  });

  it('ends the session of a leaked access token', async () => {
    const member = await newMember(mir, partner.partnerId, 'VIEWER');
    const report = () => mir.client.post('/v1/keys/revoke-leaked', undefined, { apiKey: member.accessToken });
    expect((await report()).body).toEqual({ revoked: true });
    expect(await statusWith(member.accessToken)).toBe(401);
    expect(await mir.ctx.staffAuth.readSession(member.sessionToken)).toBeNull();
    expectProblem(await report(), 404, 'NOT_FOUND');
  });

  it('keeps a previous secret that still works in the list, so that its partner can revoke it', async () => {
    const { keyId, apiKey } = await created();
    const { body: rotated } = await mir.client.post(`/v1/keys/${keyId}/rotate`, partner.liveKey, {});
    await mir.client.post('/v1/keys/revoke-leaked', undefined, { apiKey: rotated.apiKey });
    expect([await statusWith(apiKey), await statusWith(rotated.apiKey)]).toEqual([200, 401]);
    expect(await idsOf()).toContain(keyId);
    expectProblem(await mir.client.post(`/v1/keys/${keyId}/rotate`, partner.liveKey, {}), 409, 'CONFLICT');
    const { body } = await mir.client.post(`/v1/keys/${keyId}/revoke`, partner.liveKey, {});
    expect(body).toEqual({ revokedKeyIds: [keyId], remainingKeyIds: [] });
    expect(await statusWith(apiKey)).toBe(401);
  });

  it('rejects a text that is not a whole key, and limits the reports of an address', async () => {
    const report = (text: string) =>
      mir.client.post('/v1/keys/revoke-leaked', undefined, { apiKey: text }, { 'x-forwarded-for': '192.0.2.77' });
    const response = await report(partner.liveKey.slice(0, -1));
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(JSON.stringify(response.body)).not.toContain(partner.liveKey.slice(20, 40));
    const unknown = newApiKey('live', partner.key.tag).key;
    for (let n = 0; n < 20; n += 1) expectProblem(await report(unknown), 404, 'NOT_FOUND');
    expectProblem(await report(unknown), 429, 'RATE_LIMITED');
  });
});
