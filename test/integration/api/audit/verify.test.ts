import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CHAIN_START, sealAfter } from '../../../../shared/domain/audit-chain';
import { newId, tenantOf, type Tenant } from '../../../../shared/domain/ids';
import { contentOf } from '../../../../shared/store/audit';
import { anEntry, appendEntries, sealAll, sealedEntries } from '../../../support/audit-entries';
import { insertAgent } from '../../../support/insert-agent';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { rawCollection } from '../../../support/raw-collection';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ workers: false });
});
afterAll(() => h.close());

const verify = async (key: string, query = '') => (await h.client.get(`/v1/audit/verify${query}`, key)).body;

/** A partner whose live chain has so many sealed entries. */
async function aSealedChain(
  count: number,
): Promise<TestPartner & { chain: Tenant; audit: Harness['ctx']['store']['audit']['model'] }> {
  const partner = await h.partner();
  const chain = tenantOf(partner.partnerId, 'live');
  await appendEntries(h.ctx.store, chain, count);
  await sealAll(h.ctx.store, chain);
  return { ...partner, chain, audit: h.ctx.store.audit.model };
}

describe('an untouched chain', () => {
  it('is intact through its newest sealed entry, and what is not sealed yet is counted', async () => {
    const { liveKey, chain } = await aSealedChain(5);
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

  it('is intact when it has no entry', async () => {
    const { liveKey } = await h.partner();
    const empty = { entries: 0, sealedThrough: null, headHash: null, unsealed: 0, nextCursor: null };
    expect(await verify(liveKey)).toEqual({ intact: true, ...empty });
  });

  it('is checked part by part to the same verdict', async () => {
    const { liveKey } = await aSealedChain(7);
    const whole = await verify(liveKey);
    const first = await verify(liveKey, '?limit=3');
    expect(first).toMatchObject({ intact: true, entries: 3, nextCursor: expect.any(String) });
    const second = await verify(liveKey, `?limit=3&cursor=${first.nextCursor}`);
    expect(second).toMatchObject({ intact: true, entries: 6 });
    expect(await verify(liveKey, `?limit=3&cursor=${second.nextCursor}`)).toEqual(whole);
  });

  it('goes on with what was sealed since the first part', async () => {
    const { liveKey, chain } = await aSealedChain(3);
    const { nextCursor } = await verify(liveKey, '?limit=3');
    await appendEntries(h.ctx.store, chain, 2);
    await sealAll(h.ctx.store, chain);
    const rest = await verify(liveKey, `?cursor=${nextCursor}`);
    expect(rest).toMatchObject({ intact: true, entries: 5, nextCursor: null });
  });

  it('is the environment’s own', async () => {
    const { liveKey, testKey } = await aSealedChain(3);
    expect((await verify(liveKey)).entries).toBe(3);
    expect((await verify(testKey)).entries).toBe(0);
  });
});

describe('a position', () => {
  it('is taken from its own chain’s verify only', async () => {
    const [one, two] = [await aSealedChain(3), await aSealedChain(3)];
    const { nextCursor } = await verify(one.liveKey, '?limit=2');
    expect(await verify(two.liveKey, `?cursor=${nextCursor}`)).toMatchObject({ code: 'VALIDATION_FAILED' });
    const page = (await h.client.get('/v1/audit?limit=1', one.liveKey)).body;
    expect(await verify(one.liveKey, `?cursor=${page.nextCursor}`)).toMatchObject({ code: 'VALIDATION_FAILED' });
  });
});

describe('a chain that somebody touched', () => {
  const broken = (seq: number, auditId: string | null, reason: string) => ({
    intact: false,
    firstBroken: { seq, auditId, reason },
  });

  it.each([
    ['target', { target: 'agt_live_9' }],
    ['actor', { actor: { kind: 'SYSTEM' } }],
    ['time', { at: new Date(0) }],
    ['state before', { before: null }],
    ['reason', { reason: 'another' }],
    ['hash', { hash: 'f'.repeat(64) }],
    ['hash before', { previousHash: 'f'.repeat(64) }],
  ])('is found by a changed %s', async (_what, change) => {
    const { liveKey, chain, audit } = await aSealedChain(5);
    const entry = (await sealedEntries(h.ctx.store, chain))[2]!;
    await rawCollection(audit).updateOne({ _id: entry._id }, { $set: change });
    expect(await verify(liveKey)).toEqual(broken(3, entry._id, 'ENTRY_CHANGED'));
  });

  it('is found by a field that was added', async () => {
    const { liveKey, chain, audit } = await aSealedChain(3);
    const entry = (await sealedEntries(h.ctx.store, chain))[1]!;
    await rawCollection(audit).updateOne({ _id: entry._id }, { $set: { note: 'x' } });
    expect(await verify(liveKey)).toEqual(broken(2, entry._id, 'ENTRY_CHANGED'));
  });

  it.each([1, 3])('is found by a removed entry, number %i', async (seq) => {
    const { liveKey, chain, audit } = await aSealedChain(5);
    await audit.deleteOne({ chain, seq });
    expect(await verify(liveKey)).toEqual(broken(seq, null, 'ENTRY_MISSING'));
  });

  it('is found by an entry that was taken back to be sealed again', async () => {
    const { liveKey, chain, audit } = await aSealedChain(5);
    const unseal = { $set: { sealed: false }, $unset: { seq: 1, previousHash: 1, hash: 1 } };
    await audit.collection.updateOne({ chain, seq: 2 }, unseal);
    await sealAll(h.ctx.store, chain);
    expect(await verify(liveKey)).toEqual(broken(2, null, 'ENTRY_MISSING'));
  });

  it('is found by an inserted entry, wherever it stands', async () => {
    const { liveKey, chain, audit } = await aSealedChain(3);
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

  it('is found by an inserted entry whose place is no number, in whichever part it is looked for', async () => {
    const { liveKey, chain, audit } = await aSealedChain(4);
    const { nextCursor } = await verify(liveKey, '?limit=2');
    const entry = anEntry(chain);
    await rawCollection(audit).insertOne({ ...entry, sealed: true, seq: 'x', previousHash: 'f', hash: 'f' });
    for (const query of ['', `?cursor=${nextCursor}`]) {
      expect(await verify(liveKey, query)).toEqual(broken(5, entry._id, 'ENTRY_INSERTED'));
    }
  });

  it('is found by a time that became a text of the same letters', async () => {
    const { liveKey, chain, audit } = await aSealedChain(3);
    const entry = (await sealedEntries(h.ctx.store, chain))[1]!;
    await rawCollection(audit).updateOne({ _id: entry._id }, { $set: { at: entry.at.toISOString() } });
    expect(await verify(liveKey)).toEqual(broken(2, entry._id, 'ENTRY_CHANGED'));
  });

  it('is found by two entries that changed places', async () => {
    const { liveKey, chain, audit } = await aSealedChain(5);
    const [, second, third] = await sealedEntries(h.ctx.store, chain);
    const place = (_id: string, seq: number) => rawCollection(audit).updateOne({ _id }, { $set: { seq } });
    await place(second!._id, 99);
    await place(third!._id, 2);
    await place(second!._id, 3);
    expect(await verify(liveKey)).toEqual(broken(2, third!._id, 'ENTRY_CHANGED'));
  });

  it('is found by a forged entry whose own hash is right', async () => {
    const { liveKey, chain, audit } = await aSealedChain(4);
    const [first, second, third] = await sealedEntries(h.ctx.store, chain);
    const forged = { ...second!, target: 'agt_live_9' };
    const seal = sealAfter({ seq: 1, hash: first!.hash! }, contentOf(forged));
    await audit.replaceOne({ _id: second!._id }, { ...forged, ...seal });
    expect(await verify(liveKey)).toEqual(broken(3, third!._id, 'LINK_BROKEN'));
  });

  it('is found by a tail that was cut off', async () => {
    const { liveKey, chain, audit } = await aSealedChain(5);
    await audit.deleteMany({ chain, seq: { $gt: 3 } });
    expect(await verify(liveKey)).toEqual(broken(4, null, 'ENTRY_MISSING'));
    await audit.deleteMany({ chain });
    expect(await verify(liveKey)).toEqual(broken(1, null, 'ENTRY_MISSING'));
  });

  it.each([
    ['set back', { seq: 3 }],
    ['given another hash', { hash: CHAIN_START.hash }],
    ['given another time', { sealedThrough: new Date(0) }],
  ])('is found by a head that was %s', async (_what, change) => {
    const { liveKey, chain } = await aSealedChain(5);
    await h.ctx.store.auditHeads.model.updateOne({ _id: chain }, { $set: change });
    expect(await verify(liveKey)).toEqual(broken(5, null, 'HEAD_CHANGED'));
  });

  it('is found by a head that is gone', async () => {
    const { liveKey, chain } = await aSealedChain(5);
    await h.ctx.store.auditHeads.model.deleteOne({ _id: chain });
    expect(await verify(liveKey)).toEqual(broken(5, null, 'HEAD_CHANGED'));
  });
});

describe('whoever asks', () => {
  it('needs the scope agents:manage', async () => {
    const partner = await h.partner();
    const { apiKey } = await insertAgent(h.ctx.store, partner);
    const answer = await h.client.get('/v1/audit/verify', apiKey);
    expect(answer).toMatchObject({ status: 403, body: { code: 'SCOPE_MISSING' } });
  });

  it('is answered 422 for a limit or a field that does not exist', async () => {
    const { liveKey } = await h.partner();
    for (const query of ['?limit=0', '?limit=100001', '?from=1', `?cursor=${newId('x')}`]) {
      expect(await verify(liveKey, query)).toMatchObject({ code: 'VALIDATION_FAILED' });
    }
  });
});
