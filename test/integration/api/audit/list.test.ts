import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configure } from 'safe-stable-stringify';
import { tenantOf, type Tenant } from '../../../../shared/domain/ids';
import { anEntry, appendEntries, sealAll } from '../../../support/audit-entries';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent } from '../../../support/insert-agent';

let h: Harness;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
});
afterAll(() => h.close());

const list = (key: string, query = '') => h.client.get(`/v1/audit${query}`, key);

async function createPartner(): Promise<TestPartner & { chain: Tenant }> {
  const partner = await h.partner();
  return { ...partner, chain: tenantOf(partner.partnerId, 'live') };
}

const append = async (entries: ReturnType<typeof anEntry>[]): Promise<void> => {
  await h.ctx.store.transaction((session) => h.ctx.store.audit.appendMany(entries, session), 5_000);
};

const fetchLines = async (key: string, query = '') => {
  const headers = { 'x-api-key': key, accept: 'application/x-ndjson' };
  const res = await fetch(`${h.url}/v1/audit${query}`, { headers });
  const text = await res.text();
  return {
    res,
    lines: text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
};

describe('GET /v1/audit', () => {
  it('returns an entry as it was written, without a chain position until the entry is sealed', async () => {
    const { liveKey, chain, partnerId } = await createPartner();
    const at = new Date();
    await append([anEntry(chain, { _id: `aud_${chain}`, reason: 'stolen', cascadeId: 'csc_1', at })]);
    const entry = {
      auditId: `aud_${chain}`,
      chain,
      partnerId,
      action: 'AGENT_SUSPENDED',
      target: 'agt_live_1',
      actor: { kind: 'PARTNER', partnerId },
      reason: 'stolen',
      requestId: 'req-1',
      cascadeId: 'csc_1',
      before: { status: 'ACTIVE' },
      after: { status: 'SUSPENDED' },
      at: at.toISOString(),
    };
    const unsealed = { ...entry, seq: null, previousHash: null, hash: null };
    expect((await list(liveKey)).body).toEqual({ data: [unsealed], nextCursor: null });
    await sealAll(h.ctx.store, chain);
    const sealed = { ...entry, seq: 1, previousHash: '0'.repeat(64), hash: expect.stringMatching(/^[0-9a-f]{64}$/) };
    expect((await list(liveKey)).body.data).toEqual([sealed]);
  });

  it('lists entries newest first and returns each entry exactly once across pages', async () => {
    const { liveKey, chain } = await createPartner();
    const at = new Date();
    await appendEntries(h.ctx.store, chain, 5);
    await appendEntries(h.ctx.store, chain, 4, { at });
    const seen: { auditId: string; at: string }[] = [];
    let query = '?limit=2';
    for (;;) {
      const { data, nextCursor } = (await list(liveKey, query)).body;
      seen.push(...data);
      if (nextCursor === null) break;
      query = `?limit=2&cursor=${nextCursor}`;
    }
    expect(seen).toHaveLength(9);
    expect(new Set(seen.map(({ auditId }) => auditId)).size).toBe(9);
    const times = seen.map((entry) => entry.at);
    expect(times).toEqual(times.toSorted().reverse());
  });

  it('filters by action, target, actor, cascade, request and time', async () => {
    const { liveKey, chain } = await createPartner();
    const at = (n: number): Date => new Date(Date.UTC(2026, 0, n));
    await append([
      anEntry(chain, { at: at(1), action: 'AGENT_REGISTERED', requestId: '1' }),
      anEntry(chain, { at: at(2), target: 'agt_live_2', requestId: '2' }),
      anEntry(chain, { at: at(3), actor: { kind: 'AGENT', agentId: 'agt_live_1' }, requestId: '3' }),
      anEntry(chain, { at: at(4), cascadeId: 'csc_4', requestId: '4' }),
    ]);
    const found = async (query: string): Promise<string[]> =>
      (await list(liveKey, query)).body.data.map(({ requestId }: { requestId: string }) => requestId);
    expect(await found('?action=AGENT_REGISTERED')).toEqual(['1']);
    expect(await found('?target=agt_live_2')).toEqual(['2']);
    expect(await found('?actor=AGENT')).toEqual(['3']);
    expect(await found('?cascadeId=csc_4')).toEqual(['4']);
    expect(await found('?requestId=2')).toEqual(['2']);
    expect(await found('?target=agt_live_1&requestId=2')).toEqual([]);
    expect(await found(`?from=${at(2).toISOString()}&to=${at(4).toISOString()}`)).toEqual(['3', '2']);
    expect(await found('?target=agt_live_1&actor=PARTNER')).toEqual(['4', '1']);
  });

  it('hides entries that belong to other partners, other environments or the registry', async () => {
    const [partner, otherPartner] = [await createPartner(), await createPartner()];
    await append([anEntry(partner.chain), anEntry(tenantOf(otherPartner.partnerId, 'test')), anEntry('registry')]);
    expect((await list(otherPartner.liveKey)).body.data).toEqual([]);
    expect((await list(otherPartner.testKey)).body.data).toHaveLength(1);
    const { nextCursor } = (await list(partner.liveKey, '?limit=1')).body;
    expect(nextCursor).toBeNull();
    await append([anEntry(partner.chain)]);
    const cursor = (await list(partner.liveKey, '?limit=1')).body.nextCursor;
    expect((await list(otherPartner.liveKey, `?cursor=${cursor}`)).status).toBe(422);
  });

  it('requires the agents:manage scope to list audit entries', async () => {
    const partner = await createPartner();
    const bot = await insertAgent(h.ctx.store, partner);
    const admin = await insertAgent(h.ctx.store, partner, { type: 'SERVICE_ACCOUNT', preset: 'ADMIN' });
    expect((await list(bot.apiKey)).body).toMatchObject({ status: 403, code: 'SCOPE_MISSING' });
    expect((await list(admin.apiKey)).status).toBe(200);
  });

  it('shows an agent only the entries about itself and its descendants, in lists and exports', async () => {
    const partner = await createPartner();
    const permissions = { type: 'SERVICE_ACCOUNT', preset: 'ADMIN' } as const;
    const root = await insertAgent(h.ctx.store, partner, permissions);
    const middle = await insertAgent(h.ctx.store, partner, permissions, root);
    const leaf = await insertAgent(h.ctx.store, partner, permissions, middle);
    const sibling = await insertAgent(h.ctx.store, partner, permissions, root);
    const targets = [root, middle, leaf, sibling].map(({ agentId }) => agentId);
    for (const target of [...targets, partner.chain]) await append([anEntry(partner.chain, { target })]);
    const targetsOf = (entries: Record<string, unknown>[]) => new Set(entries.map(({ target }) => target));
    expect(targetsOf((await list(middle.apiKey)).body.data)).toEqual(new Set([middle.agentId, leaf.agentId]));
    expect(targetsOf((await list(root.apiKey)).body.data)).toEqual(new Set(targets));
    const { lines } = await fetchLines(middle.apiKey);
    expect(targetsOf(lines)).toEqual(new Set([middle.agentId, leaf.agentId]));
    const page = (await list(leaf.apiKey, '?limit=1')).body;
    expect(page).toMatchObject({ data: [{ target: leaf.agentId }], nextCursor: null });
  });

  it('lets a partner on the STANDARD plan list audit entries', async () => {
    const { liveKey } = await h.partner({ plan: 'STANDARD' });
    expect((await list(liveKey)).status).toBe(200);
  });

  it.each(['?actor=UNKNOWN', '?from=yesterday', '?limit=501', '?nonsense=1'])(
    'returns 422 for the query %s',
    async (query) => {
      const { liveKey } = await createPartner();
      expect((await list(liveKey, query)).body).toMatchObject({ status: 422, code: 'VALIDATION_FAILED' });
    },
  );
});

describe('GET /v1/audit as NDJSON', () => {
  const stable = configure({ deterministic: true });

  it('exports every entry with a hash that can be recomputed from its own line', async () => {
    const { liveKey, chain } = await createPartner();
    await appendEntries(h.ctx.store, chain, 700);
    await sealAll(h.ctx.store, chain);
    const { res, lines } = await fetchLines(liveKey);
    expect(res.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
    expect(res.headers.get('ratelimit-policy')).not.toBeNull();
    const inOrder = lines.toReversed();
    expect(inOrder.map(({ seq }) => seq)).toEqual(Array.from({ length: 700 }, (_, n) => n + 1));
    inOrder.forEach(({ hash, ...rest }, n) => {
      expect(createHash('sha256').update(stable(rest)).digest('hex')).toBe(hash);
      expect(rest['previousHash']).toBe(n === 0 ? '0'.repeat(64) : inOrder[n - 1]!['hash']);
    });
  });

  it('rejects a cursor on an export, so a partial export cannot be mistaken for a complete one', async () => {
    const { liveKey, chain } = await createPartner();
    await appendEntries(h.ctx.store, chain, 3);
    const { nextCursor } = (await list(liveKey, '?limit=1')).body;
    const headers = { 'x-api-key': liveKey, accept: 'application/x-ndjson' };
    const res = await fetch(`${h.url}/v1/audit?cursor=${nextCursor}`, { headers });
    expect([res.status, await res.json()]).toMatchObject([
      422,
      { errors: [{ path: 'cursor', code: 'INVALID_CURSOR' }] },
    ]);
  });

  it('applies the list filters to an export, and returns an empty export when no entries match', async () => {
    const { liveKey, chain } = await createPartner();
    await appendEntries(h.ctx.store, chain, 3, { target: 'agt_live_7' });
    await appendEntries(h.ctx.store, chain, 2);
    expect((await fetchLines(liveKey, '?target=agt_live_7')).lines).toHaveLength(3);
    expect((await fetchLines(liveKey, '?target=agt_live_8')).lines).toEqual([]);
  });
});
