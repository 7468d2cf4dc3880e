import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf, type Tenant } from '../../../../shared/domain/ids';
import { anEntry, appendEntries, sealAll } from '../../../support/audit-entries';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';
import { rawRequest } from '../../../support/raw-request';
import { sharedHarness } from '../../../support/shared-harness';
import { PER_MINUTE, spentBy } from '../../../support/spent-by';

const MANAGER = { type: 'SERVICE_ACCOUNT', preset: 'ADMIN' } as const;
/** Entries about the agent and its child, in turn. */
const OWN = 30;
/** Entries at each of three times. Together more than a page examines, so a page that read them would be short. */
const HIDDEN = 700;

let h: Harness;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
});
afterAll(() => h.close());

interface View {
  partner: TestPartner;
  chain: Tenant;
  agent: TestAgent;
  child: TestAgent;
}

/** Creates a sealed chain with entries about an agent and its child, among `hidden` entries about other targets. */
async function createView(hidden: number, perMinute = 100_000): Promise<View> {
  const partner = await h.partner({ limits: { eventsPerMinute: perMinute, requestsPerMinute: perMinute } });
  const chain = tenantOf(partner.partnerId, 'live');
  const agent = await insertAgent(h.ctx.store, partner, MANAGER);
  const child = await insertAgent(h.ctx.store, partner, MANAGER, agent);
  const entries = Array.from({ length: OWN }, (_, n) => {
    const target = (n % 2 === 0 ? agent : child).agentId;
    return anEntry(chain, { target, at: new Date(1_700_000_000_000 + n * 1_000), requestId: `req-${n}` });
  });
  await h.ctx.store.transaction((session) => h.ctx.store.audit.appendMany(entries, session), 5_000);
  for (const at of [1_699_000_000_000, 1_700_000_010_500, 1_800_000_000_000]) {
    if (hidden > 0) await appendEntries(h.ctx.store, chain, hidden, { at: new Date(at) });
  }
  await sealAll(h.ctx.store, chain);
  return { partner, chain, agent, child };
}

/** Reads all pages. Returns what the agent can observe, apart from IDs and cursors' contents. */
async function observe({ agent }: View, query = '') {
  const pages: { requestIds: string[]; seals: unknown[]; cursorLength: number }[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const from: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const { status, body } = await h.client.get(`/v1/audit?limit=7${query}${from}`, agent.apiKey);
    expect(status).toBe(200);
    pages.push({
      requestIds: body.data.map(({ requestId }: { requestId: string }) => requestId),
      seals: body.data.flatMap(({ seq, previousHash, hash }: Record<string, unknown>) => [seq, previousHash, hash]),
      cursorLength: String(body.nextCursor).length,
    });
    cursor = body.nextCursor as string | null;
  }
  return pages;
}

describe("an agent's view of the audit log", () => {
  let alone: View;
  let hidden: View;
  beforeAll(async () => {
    [alone, hidden] = [await createView(0), await createView(HIDDEN)];
  });

  it.each(['', '&actor=PARTNER', '&action=AGENT_SUSPENDED', '&from=2020-01-01T00:00:00Z'])(
    'has the same pages, whatever other entries the chain contains: %s',
    async (query) => {
      const pages = await observe(hidden, query);
      expect(pages).toEqual(await observe(alone, query));
      expect(pages.map(({ requestIds }) => requestIds.length)).toEqual([7, 7, 7, 7, 2]);
      expect(pages.flatMap(({ requestIds }) => requestIds)).toEqual(
        Array.from({ length: OWN }, (_, n) => `req-${OWN - 1 - n}`),
      );
    },
  );

  it('contains neither positions in the chain nor hashes', async () => {
    const seals = (await observe(hidden)).flatMap((page) => page.seals);
    expect(new Set(seals)).toEqual(new Set([null]));
    const own = await h.client.get('/v1/audit?limit=1', hidden.partner.liveKey);
    expect(own.body.data[0]).toMatchObject({ seq: expect.any(Number), hash: expect.any(String) });
  });

  it('costs the same, whatever other entries the chain contains', async () => {
    const costs = async (count: number) => {
      const view = await createView(count, PER_MINUTE);
      const call = (path: string) => () => h.client.get(path, view.agent.apiKey);
      const exported = () =>
        rawRequest(h.url, {
          path: '/v1/audit',
          headers: { 'x-api-key': view.agent.apiKey, accept: 'application/x-ndjson' },
        });
      return [
        await spentBy(h, view.partner, call('/v1/audit?limit=500')),
        await spentBy(h, view.partner, call('/v1/audit?limit=10&actor=SYSTEM')),
        await spentBy(h, view.partner, exported),
      ];
    };
    const cost = await costs(HIDDEN);
    expect(cost).toEqual(await costs(0));
    expect(cost).toEqual([{ requests: 5 }, { requests: 1 }, { requests: 1 }]);
  });

  it('exports only visible entries, without positions', async () => {
    const lines = async ({ agent }: View) => {
      const headers = { 'x-api-key': agent.apiKey, accept: 'application/x-ndjson' };
      const text = await (await fetch(`${h.url}/v1/audit`, { headers })).text();
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { requestId: string; seq: number | null });
    };
    const seen = (await lines(hidden)).map(({ requestId, seq }) => [requestId, seq]);
    expect(seen).toEqual((await lines(alone)).map(({ requestId, seq }) => [requestId, seq]));
    expect(seen).toEqual(Array.from({ length: OWN }, (_, n) => [`req-${OWN - 1 - n}`, null]));
  });

  it('filters by a target in its subtree, and is empty for any other target', async () => {
    const page = async (target: string) =>
      (await h.client.get(`/v1/audit?limit=500&target=${target}`, hidden.agent.apiKey)).body;
    expect((await page(hidden.child.agentId)).data).toHaveLength(OWN / 2);
    for (const target of ['agt_live_1', alone.agent.agentId, hidden.chain]) {
      expect(await page(target)).toEqual({ data: [], nextCursor: null });
    }
  });

  it('does not include the verification of the chain, which counts all entries', async () => {
    expectProblem(await h.client.get('/v1/audit/verify', hidden.agent.apiKey), 403, 'HUMAN_REQUIRED');
    expect((await h.client.get('/v1/audit/verify', hidden.partner.liveKey)).body.entries).toBe(3 * HIDDEN + OWN);
  });

  it('merges the entries of more agents than one query reads', async () => {
    const { chain, agent } = hidden;
    const children = await Promise.all(
      Array.from({ length: 450 }, () => insertAgent(h.ctx.store, hidden.partner, MANAGER, agent)),
    );
    const entries = children.map(({ agentId: target }, n) =>
      anEntry(chain, {
        target,
        at: new Date(1_600_000_000_000 + ((n * 7) % 450)),
        requestId: `child-${(n * 7) % 450}`,
      }),
    );
    await h.ctx.store.transaction((session) => h.ctx.store.audit.appendMany(entries, session), 5_000);
    const seen = (await observe(hidden)).flatMap(({ requestIds }) => requestIds);
    expect(seen.slice(OWN)).toEqual(Array.from({ length: 450 }, (_, n) => `child-${449 - n}`));
  });

  it('reads no entries of further agents that are older than those on a full page', async () => {
    const { audit } = h.ctx.store;
    const chain = tenantOf((await h.partner()).partnerId, 'live');
    const targets = Array.from({ length: 450 }, (_, n) => `agt_live_${n}`);
    const entries = targets.map((target, n) => anEntry(chain, { target, at: new Date(1_600_000_000_000 - n) }));
    await h.ctx.store.transaction((session) => audit.appendMany(entries, session), 5_000);
    const pay = () => Promise.resolve(true);
    const page = await audit.listAbout(chain, targets, {}, null, 50, pay);
    expect(page.rows.map(({ target }) => target)).toEqual(targets.slice(0, 50));
    expect(page.examined).toBe(51);
    const second = await audit.listAbout(chain, targets, {}, page.next, 400, pay);
    expect(second.rows.map(({ target }) => target)).toEqual(targets.slice(50));
  });
});

describe('cursors of GET /v1/audit', () => {
  const cursorFor = async (key: string): Promise<string> =>
    (await h.client.get('/v1/audit?limit=1', key)).body.nextCursor as string;

  it('reveal neither the time nor the ID of an entry', async () => {
    const { partner } = await createView(0);
    const { body } = await h.client.get('/v1/audit?limit=1', partner.liveKey);
    const { auditId, at } = body.data[0];
    const decoded = String(body.nextCursor)
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString('latin1'))
      .join('\n');
    for (const secret of [auditId, String(Date.parse(at))]) expect(decoded).not.toContain(secret);
    expect(await cursorFor(partner.liveKey)).not.toBe(body.nextCursor);
  });

  it('are valid only for the caller that received them', async () => {
    const { partner, agent, child } = await createView(0);
    const cursor = await cursorFor(agent.apiKey);
    expect((await h.client.get(`/v1/audit?cursor=${cursor}`, agent.apiKey)).body.data).toHaveLength(OWN - 1);
    for (const key of [partner.liveKey, child.apiKey]) {
      expectProblem(await h.client.get(`/v1/audit?cursor=${cursor}`, key), 422, 'VALIDATION_FAILED');
    }
  });

  it('are rejected if they were changed, cut off or created by an earlier version', async () => {
    const { partner, chain } = await createView(0);
    const cursor = await cursorFor(partner.liveKey);
    const changed = cursor.slice(0, 40) + (cursor[40] === 'A' ? 'B' : 'A') + cursor.slice(41);
    const body = Buffer.from(JSON.stringify([1_700_000_000_000, 'aud_1'])).toString('base64url');
    const mac = createHmac('sha256', 'any key').update(`audit|${chain}|${body}`).digest('base64url').slice(0, 16);
    for (const other of [changed, cursor.slice(0, -1), cursor.slice(0, 20), 'x', '', `${body}.${mac}`]) {
      const response = await h.client.get(`/v1/audit?cursor=${other}`, partner.liveKey);
      expectProblem(response, 422, 'VALIDATION_FAILED');
      expect(response.body.errors).toEqual([expect.objectContaining({ path: 'cursor', code: 'INVALID_CURSOR' })]);
    }
  });
});
