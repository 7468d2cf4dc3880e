import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EventId, newChunkId, tenantOf } from '../../../../shared/domain/ids';
import { chunkIdAt, signReceipt } from '../../../../shared/domain/receipt';
import { appendEntries, sealAll } from '../../../support/audit-entries';
import { growTree } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { rawCollection } from '../../../support/raw-collection';
import { rawRequest } from '../../../support/raw-request';
import { sharedHarness } from '../../../support/shared-harness';
import { PER_MINUTE, spentBy } from '../../../support/spent-by';

const NDJSON = { accept: 'application/x-ndjson' };

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

const aPartner = (requestsPerMinute = PER_MINUTE): Promise<TestPartner> =>
  mir.partner({ limits: { eventsPerMinute: PER_MINUTE, requestsPerMinute } });

describe('charges for rows that a request reads', () => {
  const TREE = 250;
  const grow = async (size = TREE, requestsPerMinute = PER_MINUTE) => {
    const partner = await aPartner(requestsPerMinute);
    const [root] = await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), size);
    return { ...partner, root: root! };
  };
  const streamed = (path: string, key: string) =>
    rawRequest(mir.url, { path, headers: { 'x-api-key': key, ...NDJSON } });

  it('charges one unit per 100 agents of a streamed tree, whether or not they match the filter', async () => {
    const partner = await grow();
    for (const query of ['', '?status=SUSPENDED']) {
      const spent = await spentBy(mir, partner, () => streamed(`/v1/agents/tree${query}`, partner.liveKey));
      expect(spent).toEqual({ requests: 3 });
    }
  });

  it('drops a stream when the budget is exhausted', async () => {
    const { liveKey } = await grow(1_000, 4);
    await expect(streamed('/v1/agents/tree', liveKey)).rejects.toThrow('aborted');
    expectProblem(await mir.client.get('/v1/agents/tree', liveKey), 429, 'RATE_LIMITED');
  });

  it('charges one unit per 100 entries of a streamed audit chain', async () => {
    const partner = await aPartner();
    await appendEntries(mir.ctx.store, tenantOf(partner.partnerId, 'live'), 201);
    expect(await spentBy(mir, partner, () => streamed('/v1/audit', partner.liveKey))).toEqual({ requests: 3 });
  });

  it.each(['/v1/agents', '/v1/agents/tree'])('charges a filtered page for the agents it skips: %s', async (path) => {
    const partner = await grow();
    const page = () => mir.client.get(`${path}?status=SUSPENDED&limit=10`, partner.liveKey);
    const spent = (await spentBy(mir, partner, page)).requests!;
    expect(spent).toBeGreaterThanOrEqual(3);
    expect(spent).toBeLessThanOrEqual(6);
  });

  it.each(['/v1/agents', '/v1/agents/tree'])(
    'ends a filtered page early when the budget is exhausted, so that clients can continue later: %s',
    async (path) => {
      const { liveKey } = await grow(TREE, 1);
      const { status, body } = await mir.client.get(`${path}?status=SUSPENDED&limit=10`, liveKey);
      expect({ status, body }).toEqual({ status: 200, body: { data: [], nextCursor: expect.any(String) } });
    },
  );

  const SKIPPED = 250;
  const FILTERED = [
    ['events', '/v1/events?userExternalId=u&eventType=mir.review.posted'],
    ['audit entries', '/v1/audit?actor=SYSTEM'],
    ['agents', '/v1/agents?type=AI_AGENT'],
  ] as const;
  /** Inserts rows that only part of the filter matches. */
  const withSkippedRows = async (requestsPerMinute = PER_MINUTE): Promise<TestPartner> => {
    const partner = await grow(SKIPPED, requestsPerMinute);
    const { store, secrets } = mir.ctx;
    const tenant = tenantOf(partner.partnerId, 'live');
    await appendEntries(store, tenant, SKIPPED);
    const events = Array.from({ length: SKIPPED }, (_, n) => ({
      _id: `evt_${tenant}_${n}`,
      tenant,
      userRef: secrets.userRef(tenant, 'u'),
      eventType: 'mir.transaction.completed',
      receivedAt: new Date(1_700_000_000_000 + n),
    }));
    await rawCollection(store.events.model).insertMany(events);
    return partner;
  };

  it.each(FILTERED)('charges one unit per 100 %s that a filtered page examines', async (_what, path) => {
    const { partnerId, liveKey } = await withSkippedRows();
    const page = (limit: number) => () => mir.client.get(`${path}&limit=${limit}`, liveKey);
    expect(await spentBy(mir, { partnerId }, page(10))).toEqual({ requests: 3 });
    expect(await spentBy(mir, { partnerId }, page(300))).toEqual({ requests: 3 });
  });

  it('charges a filtered page whose limit is reached for its limit only', async () => {
    const { partnerId, liveKey } = await withSkippedRows();
    const page = async () => {
      const { body } = await mir.client.get('/v1/audit?actor=PARTNER&limit=100', liveKey);
      expect(body).toMatchObject({ data: { length: 100 }, nextCursor: expect.any(String) });
    };
    expect(await spentBy(mir, { partnerId }, page)).toEqual({ requests: 1 });
  });

  it.each(FILTERED)(
    'ends a filtered page of %s early when the budget is exhausted, and continues after the cursor',
    async (_what, path) => {
      const { partnerId, liveKey } = await withSkippedRows(1);
      const page = (cursor: string) => mir.client.get(`${path}&limit=10${cursor}`, liveKey);
      const { status, body } = await page('');
      expect({ status, body }).toEqual({ status: 200, body: { data: [], nextCursor: expect.any(String) } });
      expectProblem(await page(`&cursor=${body.nextCursor}`), 429, 'RATE_LIMITED');
      // Each page reads at least the 100 rows that its request has paid for. Each call refills the budget first.
      let cursor = body.nextCursor as string | null;
      for (let read = 100; read < SKIPPED; read += 100) {
        await spentBy(mir, { partnerId }, async () => {
          if (cursor !== null) cursor = (await page(`&cursor=${cursor}`)).body.nextCursor as string | null;
        });
      }
      expect(cursor).toBeNull();
    },
  );

  it('charges the preview of a kill to the requests budget, and keeps the kill in the control budget', async () => {
    const partner = await grow();
    const path = `/v1/agents/${partner.root.agentId}/revoke-descendants`;
    const preview = () => mir.client.post(path, partner.liveKey, { dryRun: true });
    expect(await spentBy(mir, partner, preview)).toEqual({ control: 1, requests: 2 });
    expect(await spentBy(mir, partner, () => mir.client.post(path, partner.liveKey, {}))).toEqual({ control: 1 });
  });

  it('rejects the preview of a large kill when the requests budget is exhausted, but not the kill', async () => {
    const { liveKey, root } = await grow(TREE, 1);
    const path = `/v1/agents/${root.agentId}/revoke-descendants`;
    expect((await mir.client.get('/v1/events', liveKey)).status).toBe(200);
    const preview = await mir.client.post(path, liveKey, { dryRun: true });
    expectProblem(preview, 429, 'RATE_LIMITED');
    expect(preview.headers.get('ratelimit-policy')).toBe('"requests";q=1;w=60');
    expect((await mir.client.post(path, liveKey, {})).status).toBe(202);
  });

  it('charges one unit per 100 verified entries, and stops when the budget is exhausted', async () => {
    const partner = await aPartner();
    const chain = tenantOf(partner.partnerId, 'live');
    await appendEntries(mir.ctx.store, chain, 250);
    await sealAll(mir.ctx.store, chain);
    expect(await spentBy(mir, partner, () => mir.client.get('/v1/audit/verify', partner.liveKey))).toEqual({
      requests: 3,
    });

    const poor = await aPartner(2);
    const longer = tenantOf(poor.partnerId, 'live');
    await appendEntries(mir.ctx.store, longer, 250);
    await sealAll(mir.ctx.store, longer);
    const { body } = await mir.client.get('/v1/audit/verify', poor.liveKey);
    expect(body).toMatchObject({ intact: true, entries: 200, nextCursor: expect.any(String) });
  });

  it('charges one unit per 100 items of a receipt', async () => {
    const partner = await aPartner();
    const tenant = tenantOf(partner.partnerId, 'live');
    const base = newChunkId(Date.now());
    const facts = { base, chunks: 1, slot: null, accepted: 250, receivedAtMs: Date.now() };
    const receiptId = signReceipt(mir.ctx.secrets.receipt, tenant, facts);
    const items = Array.from({ length: 250 }, (_, index) => ({
      index,
      eventId: `evt_${index}` as EventId,
      outcome: 'CONFLICT' as const,
    }));
    const settledAt = new Date();
    const expireAt = new Date(Date.now() + 3_600_000);
    await mir.ctx.store.receipts.put([{ _id: chunkIdAt(base, 0), tenant, total: 250, items, settledAt, expireAt }]);
    const read = () => mir.client.get(`/v1/events/receipts/${receiptId}`, partner.liveKey);
    expect(await spentBy(mir, partner, read)).toEqual({ requests: 3 });
    expect((await read()).body.items).toHaveLength(250);
  });
});
