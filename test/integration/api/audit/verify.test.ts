import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_CONCURRENT_CALLS, MAX_CONCURRENT_CALLS_PER_CHAIN } from '../../../../api/audit/verify-audit';
import { CHAIN_START, sealAfter } from '../../../../shared/domain/audit-chain';
import { newId, tenantOf, type Tenant } from '../../../../shared/domain/ids';
import { contentOf } from '../../../../shared/store/audit';
import { anEntry, appendEntries, sealAll, sealedEntries } from '../../../support/audit-entries';
import { insertAgent } from '../../../support/insert-agent';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { rawCollection } from '../../../support/raw-collection';

let h: Harness;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
});
afterAll(() => h.close());

const verify = async (key: string, query = '') => (await h.client.get(`/v1/audit/verify${query}`, key)).body;

/** Creates a partner whose live chain has `count` sealed entries. */
async function createSealedChain(
  count: number,
): Promise<TestPartner & { chain: Tenant; audit: Harness['ctx']['store']['audit']['model'] }> {
  const partner = await h.partner();
  const chain = tenantOf(partner.partnerId, 'live');
  await appendEntries(h.ctx.store, chain, count);
  await sealAll(h.ctx.store, chain);
  return { ...partner, chain, audit: h.ctx.store.audit.model };
}

describe('GET /v1/audit/verify for an intact chain', () => {
  it('verifies a chain through its last sealed entry and counts the unsealed entries', async () => {
    const { liveKey, chain } = await createSealedChain(5);
    await appendEntries(h.ctx.store, chain, 2);
    const last = (await sealedEntries(h.ctx.store, chain)).at(-1)!;
    expect(await verify(liveKey)).toEqual({
      intact: true,
      entries: 5,
      sealedThrough: last.at.toISOString(),
      headHash: last.hash,
      unsealed: 2,
      nextCursor: null,
    });
  });

  it('reports an empty chain as intact', async () => {
    const { liveKey } = await h.partner();
    const empty = { entries: 0, sealedThrough: null, headHash: null, unsealed: 0, nextCursor: null };
    expect(await verify(liveKey)).toEqual({ intact: true, ...empty });
  });

  it('returns the same result over several pages as in one request', async () => {
    const { liveKey } = await createSealedChain(7);
    const whole = await verify(liveKey);
    const first = await verify(liveKey, '?limit=3');
    expect(first).toMatchObject({ intact: true, entries: 3, nextCursor: expect.any(String) });
    const second = await verify(liveKey, `?limit=3&cursor=${first.nextCursor}`);
    expect(second).toMatchObject({ intact: true, entries: 6 });
    expect(await verify(liveKey, `?limit=3&cursor=${second.nextCursor}`)).toEqual(whole);
  });

  it('continues with entries that were sealed after the first page was returned', async () => {
    const { liveKey, chain } = await createSealedChain(3);
    const { nextCursor } = await verify(liveKey, '?limit=3');
    await appendEntries(h.ctx.store, chain, 2);
    await sealAll(h.ctx.store, chain);
    const rest = await verify(liveKey, `?cursor=${nextCursor}`);
    expect(rest).toMatchObject({ intact: true, entries: 5, nextCursor: null });
  });

  it("verifies each environment's chain separately", async () => {
    const { liveKey, testKey } = await createSealedChain(3);
    expect((await verify(liveKey)).entries).toBe(3);
    expect((await verify(testKey)).entries).toBe(0);
  });
});

describe('cursors of GET /v1/audit/verify', () => {
  it('rejects a verification cursor from another chain or from the audit list', async () => {
    const [partner, otherPartner] = [await createSealedChain(3), await createSealedChain(3)];
    const { nextCursor } = await verify(partner.liveKey, '?limit=2');
    expect(await verify(otherPartner.liveKey, `?cursor=${nextCursor}`)).toMatchObject({ code: 'VALIDATION_FAILED' });
    const page = (await h.client.get('/v1/audit?limit=1', partner.liveKey)).body;
    expect(await verify(partner.liveKey, `?cursor=${page.nextCursor}`)).toMatchObject({ code: 'VALIDATION_FAILED' });
  });
});

describe('GET /v1/audit/verify for a chain that was tampered with', () => {
  const broken = (seq: number, auditId: string | null, reason: string) => ({
    intact: false,
    firstBroken: { seq, auditId, reason },
  });

  it.each([
    ['target', { target: 'agt_live_9' }],
    ['actor', { actor: { kind: 'SYSTEM' } }],
    ['time', { at: new Date(0) }],
    ['previous state', { before: null }],
    ['reason', { reason: 'another' }],
    ['hash', { hash: 'f'.repeat(64) }],
    ['previous hash', { previousHash: 'f'.repeat(64) }],
  ])('detects that the %s of an entry was changed', async (_field, change) => {
    const { liveKey, chain, audit } = await createSealedChain(5);
    const entry = (await sealedEntries(h.ctx.store, chain))[2]!;
    await rawCollection(audit).updateOne({ _id: entry._id }, { $set: change });
    expect(await verify(liveKey)).toEqual(broken(3, entry._id, 'ENTRY_CHANGED'));
  });

  it('detects that a field was added to an entry', async () => {
    const { liveKey, chain, audit } = await createSealedChain(3);
    const entry = (await sealedEntries(h.ctx.store, chain))[1]!;
    await rawCollection(audit).updateOne({ _id: entry._id }, { $set: { note: 'x' } });
    expect(await verify(liveKey)).toEqual(broken(2, entry._id, 'ENTRY_CHANGED'));
  });

  it.each([1, 3])('detects that entry %i was removed', async (seq) => {
    const { liveKey, chain, audit } = await createSealedChain(5);
    await audit.deleteOne({ chain, seq });
    expect(await verify(liveKey)).toEqual(broken(seq, null, 'ENTRY_MISSING'));
  });

  it('detects that an entry was unsealed and sealed again', async () => {
    const { liveKey, chain, audit } = await createSealedChain(5);
    const unseal = { $set: { sealed: false }, $unset: { seq: 1, previousHash: 1, hash: 1 } };
    await audit.collection.updateOne({ chain, seq: 2 }, unseal);
    await sealAll(h.ctx.store, chain);
    expect(await verify(liveKey)).toEqual(broken(2, null, 'ENTRY_MISSING'));
  });

  it('detects an inserted entry, with or without a position', async () => {
    const { liveKey, chain, audit } = await createSealedChain(3);
    const entry = anEntry(chain);
    const insert = (seal: object) => rawCollection(audit).insertOne({ ...entry, sealed: true, ...seal });
    const { hash } = (await sealedEntries(h.ctx.store, chain))[2]!;
    await insert(sealAfter({ seq: 3, hash: hash! }, contentOf({ ...entry, sealed: true })));
    expect(await verify(liveKey)).toEqual(broken(4, null, 'HEAD_CHANGED'));
    await audit.deleteOne({ _id: entry._id });
    await insert({});
    expect(await verify(liveKey)).toEqual(broken(1, entry._id, 'ENTRY_INSERTED'));
    await audit.deleteOne({ _id: entry._id });
    await insert({ seq: 1.5, previousHash: 'f', hash: 'f' });
    expect(await verify(liveKey)).toEqual(broken(1.5, entry._id, 'ENTRY_INSERTED'));
  });

  it('detects an inserted entry with a non-numeric position, on every page', async () => {
    const { liveKey, chain, audit } = await createSealedChain(4);
    const { nextCursor } = await verify(liveKey, '?limit=2');
    const entry = anEntry(chain);
    await rawCollection(audit).insertOne({ ...entry, sealed: true, seq: 'x', previousHash: 'f', hash: 'f' });
    for (const query of ['', `?cursor=${nextCursor}`]) {
      expect(await verify(liveKey, query)).toEqual(broken(5, entry._id, 'ENTRY_INSERTED'));
    }
  });

  it('detects that a timestamp was replaced with its string form', async () => {
    const { liveKey, chain, audit } = await createSealedChain(3);
    const entry = (await sealedEntries(h.ctx.store, chain))[1]!;
    await rawCollection(audit).updateOne({ _id: entry._id }, { $set: { at: entry.at.toISOString() } });
    expect(await verify(liveKey)).toEqual(broken(2, entry._id, 'ENTRY_CHANGED'));
  });

  it('detects that the positions of two entries were swapped', async () => {
    const { liveKey, chain, audit } = await createSealedChain(5);
    const [, second, third] = await sealedEntries(h.ctx.store, chain);
    const move = (_id: string, seq: number) => rawCollection(audit).updateOne({ _id }, { $set: { seq } });
    await move(second!._id, 99);
    await move(third!._id, 2);
    await move(second!._id, 3);
    expect(await verify(liveKey)).toEqual(broken(2, third!._id, 'ENTRY_CHANGED'));
  });

  it('detects a forged entry whose own hash is valid', async () => {
    const { liveKey, chain, audit } = await createSealedChain(4);
    const [first, second, third] = await sealedEntries(h.ctx.store, chain);
    const forged = { ...second!, target: 'agt_live_9' };
    const seal = sealAfter({ seq: 1, hash: first!.hash! }, contentOf(forged));
    await audit.replaceOne({ _id: second!._id }, { ...forged, ...seal });
    expect(await verify(liveKey)).toEqual(broken(3, third!._id, 'LINK_BROKEN'));
  });

  it('detects a truncated or emptied chain', async () => {
    const { liveKey, chain, audit } = await createSealedChain(5);
    await audit.deleteMany({ chain, seq: { $gt: 3 } });
    expect(await verify(liveKey)).toEqual(broken(4, null, 'ENTRY_MISSING'));
    await audit.deleteMany({ chain });
    expect(await verify(liveKey)).toEqual(broken(1, null, 'ENTRY_MISSING'));
  });

  it.each([
    ['an earlier position', { seq: 3 }],
    ['a different hash', { hash: CHAIN_START.hash }],
    ['a different time', { sealedThrough: new Date(0) }],
  ])('detects that the chain head was changed to %s', async (_change, change) => {
    const { liveKey, chain } = await createSealedChain(5);
    await h.ctx.store.auditHeads.model.updateOne({ _id: chain }, { $set: change });
    expect(await verify(liveKey)).toEqual(broken(5, null, 'HEAD_CHANGED'));
  });

  it('detects a missing chain head', async () => {
    const { liveKey, chain } = await createSealedChain(5);
    await h.ctx.store.auditHeads.model.deleteOne({ _id: chain });
    expect(await verify(liveKey)).toEqual(broken(5, null, 'HEAD_CHANGED'));
  });
});

describe('access to GET /v1/audit/verify', () => {
  it("rejects a chain's excess concurrent verifications without affecting other chains", async () => {
    const [busy, other] = [await createSealedChain(2_000), await createSealedChain(1)];
    // As many as one process verifies at once, so only the limit per chain can reject one of them.
    const calls = Array.from({ length: MAX_CONCURRENT_CALLS }, () => h.client.get('/v1/audit/verify', busy.liveKey));
    const otherCall = h.client.get('/v1/audit/verify', other.liveKey);
    const responses = await Promise.all(calls);
    const succeeded = responses.filter(({ status }) => status === 200);
    expect(succeeded.length).toBeGreaterThanOrEqual(MAX_CONCURRENT_CALLS_PER_CHAIN);
    const rejected = responses.filter(({ status }) => status !== 200);
    expect(rejected.length).toBeGreaterThan(0);
    for (const { status, body } of rejected) expect([status, body.code]).toEqual([503, 'OVERLOADED']);
    expect((await otherCall).body).toMatchObject({ intact: true, entries: 1 });
  });

  it('requires the agents:manage scope to verify a chain', async () => {
    const partner = await h.partner();
    const { apiKey } = await insertAgent(h.ctx.store, partner);
    const response = await h.client.get('/v1/audit/verify', apiKey);
    expect(response).toMatchObject({ status: 403, body: { code: 'SCOPE_MISSING' } });
  });

  it('rejects an invalid limit, an invalid cursor and an unknown field', async () => {
    const { liveKey } = await h.partner();
    for (const query of ['?limit=0', '?limit=100001', '?from=1', `?cursor=${newId('x')}`]) {
      expect(await verify(liveKey, query)).toMatchObject({ code: 'VALIDATION_FAILED' });
    }
  });
});
