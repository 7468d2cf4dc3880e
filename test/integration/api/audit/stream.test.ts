import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import { createApp } from '../../../../api/app';
import { HEAD_EVERY_MS } from '../../../../api/audit/audit-head';
import { cursorOf } from '../../../../api/audit/stream-cursor';
import { MAX_WAITING, MAX_WAITING_PER_OWNER } from '../../../../api/audit/stream-audit';
import type { ApiContext } from '../../../../api/context';
import { closeServer } from '../../../../api/http/drain';
import { createHeadWatcher, HEAD_POLL_MS, type HeadWatcher } from '../../../../shared/audit/watch-heads';
import { canonicalJson } from '../../../../shared/domain/canonical-json';
import { tenantOf, type Tenant } from '../../../../shared/domain/ids';
import { listen } from '../../../../shared/process/listen';
import { appendEntries, sealAll, sealedEntries } from '../../../support/audit-entries';
import { readAuditStream, type StreamLine } from '../../../support/audit-stream';
import type { Harness, TestPartner } from '../../../support/harness';
import { errorsOf, expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';
import { PER_MINUTE, spentBy } from '../../../support/spent-by';
import { waitUntil } from '../../../support/wait-until';

/** Much shorter than the 30 seconds for which a stream waits by default. */
const AT_ONCE_MS = 10_000;

let mir: Harness;
const servers: { close(): unknown; closeAllConnections(): void }[] = [];
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await mir.close();
});

type Chained = TestPartner & { chain: Tenant };

async function createChain(count: number): Promise<Chained> {
  const partner = await mir.partner();
  const chain = tenantOf(partner.partnerId, 'live');
  if (count > 0) await grow(chain, count);
  return { ...partner, chain };
}

async function grow(chain: Tenant, count: number): Promise<void> {
  await appendEntries(mir.ctx.store, chain, count);
  await sealAll(mir.ctx.store, chain);
}

const read = (partner: Pick<TestPartner, 'liveKey'>, query?: string) =>
  readAuditStream(mir.url, partner.liveKey, query);
const seqsOf = (lines: StreamLine[]): number[] => lines.flatMap(({ entry }) => entry?.seq ?? []);
const request = (key: string, query: string) => mir.client.get(`/v1/audit/stream${query}`, key);

/** Serves the API with parts replaced, and counts the requests that wait for new entries. */
async function serve(changes: Partial<ApiContext> = {}) {
  const watcher = changes.headWatcher ?? createHeadWatcher(mir.ctx.store);
  const seen = { waiting: 0 };
  const waitBeyond: HeadWatcher['waitBeyond'] = async (...args) => {
    seen.waiting += 1;
    try {
      return await watcher.waitBeyond(...args);
    } finally {
      seen.waiting -= 1;
    }
  };
  const headWatcher = { ...watcher, waitBeyond };
  const { server, port } = await listen(createApp({ ...mir.ctx, ...changes, headWatcher }), 0, 'PORT');
  servers.push(server);
  return { server, url: `http://127.0.0.1:${port}`, seen, watcher };
}

describe('GET /v1/audit/stream', () => {
  it('streams sealed entries in the order of the chain, followed by a head that the published keys verify', async () => {
    const partner = await createChain(5);
    await appendEntries(mir.ctx.store, partner.chain, 1);
    const { lines } = await read(partner);
    expect(lines.map(({ type }) => type)).toEqual(['entry', 'entry', 'entry', 'entry', 'entry', 'head']);
    const listed = (await mir.client.get('/v1/audit', partner.liveKey)).body.data as StreamLine['entry'][];
    const sealed = listed.filter(({ seq }) => seq !== null);
    expect(lines.slice(0, -1).map(({ entry }) => entry)).toEqual(sealed.toSorted((a, b) => a.seq - b.seq));
    const { head, signature } = lines.at(-1)!;
    const last = (await sealedEntries(mir.ctx.store, partner.chain)).at(-1)!;
    expect(head).toEqual({
      chain: partner.chain,
      seq: 5,
      hash: last.hash,
      sealedThrough: last.at.toISOString(),
      signedAt: expect.any(String),
    });
    expect(await mir.ctx.signer.verify(signature, 'mir-audit-head+jws')).toBe(canonicalJson(head));
  });

  it('returns each entry exactly once to a client that continues, while entries are being sealed', async () => {
    const partner = await createChain(1);
    const growing = (async () => {
      for (let n = 0; n < 10; n += 1) await grow(partner.chain, 3);
    })();
    const seqs: number[] = [];
    let after = '';
    while (seqs.length < 31) {
      const { lines } = await read(partner, `?limit=4${after}`);
      seqs.push(...seqsOf(lines));
      if (lines.length > 0) after = `&after=${lines.at(-1)!.cursor}`;
    }
    await growing;
    expect(seqs).toEqual(Array.from({ length: 31 }, (_, n) => n + 1));
  });

  it('continues after every line, also after a head', async () => {
    const partner = await createChain(3);
    const { lines } = await read(partner);
    const rest = async ({ cursor }: StreamLine) => (await read(partner, `?waitSeconds=0&after=${cursor}`)).lines;
    expect(await Promise.all(lines.map(async (line) => seqsOf(await rest(line))))).toEqual([[2, 3], [3], [], []]);
    expect(await rest(lines.at(-1)!)).toEqual([]);
  });

  it('waits until an entry is sealed if there is none', async () => {
    const partner = await createChain(0);
    const { url, seen } = await serve();
    const startedAt = performance.now();
    const reading = readAuditStream(url, partner.liveKey, '');
    await waitUntil('the request waits', () => seen.waiting === 1);
    await grow(partner.chain, 2);
    expect(seqsOf((await reading).lines)).toEqual([1, 2]);
    expect(performance.now() - startedAt).toBeLessThan(AT_ONCE_MS);
  });

  it('returns 200 without a line if nothing is sealed during the wait', async () => {
    const partner = await createChain(1);
    const { cursor } = (await read(partner)).lines.at(-1)!;
    expect((await read(partner, `?waitSeconds=1&after=${cursor}`)).text).toBe('');
  });

  it('sends a head only if the chain has grown, and only a minute after the previous one', async () => {
    const partner = await createChain(1);
    const { cursor } = (await read(partner)).lines.at(-1)!;
    await grow(partner.chain, 1);
    const soon = (await read(partner, `?waitSeconds=0&after=${cursor}`)).lines;
    expect(soon.map(({ type }) => type)).toEqual(['entry']);
    const { entry } = soon[0]!;
    const lastHead = { headSeq: 1, headAtMs: Date.now() - HEAD_EVERY_MS };
    const typesAfter = async (headSeq: number): Promise<string[]> => {
      const position = { ...entry, ...lastHead, throughMs: Date.parse(String(entry['at'])), headSeq };
      const later = cursorOf(mir.ctx.secrets.cursor, `stream|${partner.chain}`, position);
      return (await read(partner, `?waitSeconds=0&after=${later}`)).lines.map(({ type }) => type);
    };
    expect(await typesAfter(1)).toEqual(['head']);
    expect(await typesAfter(2)).toEqual([]);
  });

  it('does not return the entries of other partners and environments, and rejects their cursors', async () => {
    const [partner, other] = [await createChain(2), await createChain(1)];
    const { lines } = await read(partner);
    expect(new Set(lines.map(({ entry, head }) => (entry ?? head)['chain']))).toEqual(new Set([partner.chain]));
    const { cursor } = lines[0]!;
    const listCursor = (await mir.client.get('/v1/audit?limit=1', partner.liveKey)).body.nextCursor as string;
    for (const [key, after] of [
      [other.liveKey, cursor],
      [partner.testKey, cursor],
      [partner.liveKey, listCursor],
      [partner.liveKey, `${cursor.slice(0, -2)}AA`],
      [partner.liveKey, 'x'],
      [partner.liveKey, ''],
    ] as const) {
      const rejected = await request(key, `?waitSeconds=0&after=${after}`);
      expectProblem(rejected, 422, 'VALIDATION_FAILED');
      expect(errorsOf(rejected)).toEqual(['after INVALID_CURSOR']);
    }
  });

  it('returns 409 if the chain no longer contains the entry of the cursor', async () => {
    const partner = await createChain(3);
    const { cursor } = (await read(partner)).lines.at(-1)!;
    const { audit, auditHeads } = mir.ctx.store;
    await audit.model.deleteMany({ chain: partner.chain, seq: { $gt: 1 } });
    await auditHeads.model.deleteMany({ _id: partner.chain });
    expectProblem(await request(partner.liveKey, `?after=${cursor}`), 409, 'CONFLICT');
    const [restored] = await sealedEntries(mir.ctx.store, partner.chain);
    const { hash, at: sealedThrough } = restored!;
    await auditHeads.model.create({ _id: partner.chain, seq: 1, hash: hash!, sealedThrough });
    await grow(partner.chain, 4);
    expectProblem(await request(partner.liveKey, `?after=${cursor}`), 409, 'CONFLICT');
  });

  it.each(['limit=0', 'limit=1001', 'waitSeconds=31', 'waitSeconds=-1', 'cursor=x'])('rejects %s', async (query) => {
    expectProblem(await request((await mir.partner()).liveKey, `?${query}`), 422, 'VALIDATION_FAILED');
  });

  it('charges one unit per 100 entries, and ends the response when the budget is exhausted', async () => {
    const limits = { eventsPerMinute: PER_MINUTE, requestsPerMinute: PER_MINUTE };
    const partner = await mir.partner({ limits });
    await grow(tenantOf(partner.partnerId, 'live'), 201);
    const all = () => read(partner, '?limit=1000');
    expect(await spentBy(mir, partner, all)).toEqual({ requests: 3 });
    expect(await spentBy(mir, partner, () => read(partner, '?limit=100'))).toEqual({ requests: 1 });
    const poor = await mir.partner({ limits: { ...limits, requestsPerMinute: 2 } });
    await grow(tenantOf(poor.partnerId, 'live'), 301);
    expect(seqsOf((await read(poor, '?limit=1000')).lines)).toHaveLength(200);
  });
});

describe('waiting streams', () => {
  it('share one query per second', async () => {
    const partners = [await createChain(0), await createChain(0)];
    const { auditHeads } = mir.ctx.store;
    const queries: string[][] = [];
    const seqsOfChains: typeof auditHeads.seqsOf = (chains) => {
      queries.push([...chains]);
      return auditHeads.seqsOf(chains);
    };
    const headWatcher = createHeadWatcher({ auditHeads: { ...auditHeads, seqsOf: seqsOfChains } });
    const { url, seen } = await serve({ headWatcher });
    const startedAt = performance.now();
    const reading = [...partners, ...partners, ...partners].map((partner) => readAuditStream(url, partner.liveKey, ''));
    await waitUntil('all requests wait', () => seen.waiting === 6);
    await waitUntil('two queries were sent', () => queries.length >= 2);
    for (const { chain } of partners) await grow(chain, 1);
    const responses = await Promise.all(reading);
    expect(responses.map(({ lines }) => seqsOf(lines))).toEqual(Array.from({ length: 6 }, () => [1]));
    expect(queries.length).toBeLessThanOrEqual((performance.now() - startedAt) / HEAD_POLL_MS);
    expect(queries[1]!.toSorted()).toEqual(partners.map(({ chain }) => chain as string).toSorted());
  });

  it('end when their clients disconnect', async () => {
    const partner = await createChain(0);
    const { url, seen } = await serve();
    const headers = { 'x-api-key': partner.liveKey };
    const sent = get(`${url}/v1/audit/stream`, { headers, agent: false }).on('error', () => undefined);
    await waitUntil('the request waits', () => seen.waiting === 1);
    sent.destroy();
    await waitUntil('the wait ends', () => seen.waiting === 0, AT_ONCE_MS);
  });

  it('end without a line when the process stops, and do not delay it', async () => {
    const partner = await createChain(0);
    const { url, seen, server, watcher } = await serve();
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      get(`${url}/v1/audit/stream`, { headers: { 'x-api-key': partner.liveKey } }, resolve).on('error', reject);
    });
    await waitUntil('the request waits', () => seen.waiting === 1);
    const startedAt = performance.now();
    watcher.stop();
    await Promise.all([closeServer(server, AT_ONCE_MS), response.then((res) => res.resume())]);
    expect((await response).statusCode).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(AT_ONCE_MS);
  });

  it('are limited per partner: further requests get 429, unless there are entries', async () => {
    const [partner, other] = [await createChain(0), await createChain(0)];
    const { url, seen, watcher } = await serve();
    const reading = Array.from({ length: MAX_WAITING_PER_OWNER }, () => readAuditStream(url, partner.liveKey, ''));
    await waitUntil('all requests wait', () => seen.waiting === MAX_WAITING_PER_OWNER);
    const rejected = await fetch(`${url}/v1/audit/stream`, { headers: { 'x-api-key': partner.liveKey } });
    expect({ status: rejected.status, retryAfter: rejected.headers.get('retry-after') }).toEqual({
      status: 429,
      retryAfter: '5',
    });
    expect(((await rejected.json()) as { code: string }).code).toBe('RATE_LIMITED');
    expect((await readAuditStream(url, partner.liveKey)).text).toBe('');
    const otherReading = readAuditStream(url, other.liveKey, '');
    await waitUntil("the other partner's request waits", () => seen.waiting === MAX_WAITING_PER_OWNER + 1);
    watcher.stop();
    await Promise.all([...reading, otherReading]);
    expect((await readAuditStream(url, partner.liveKey, '')).text).toBe('');
  });

  it('are limited per process', async () => {
    const partners = await Promise.all(
      Array.from({ length: MAX_WAITING / MAX_WAITING_PER_OWNER }, () => createChain(0)),
    );
    const { url, seen, watcher } = await serve();
    const reading = partners.flatMap(({ liveKey }) =>
      Array.from({ length: MAX_WAITING_PER_OWNER }, () => readAuditStream(url, liveKey, '')),
    );
    await waitUntil('all requests wait', () => seen.waiting === MAX_WAITING);
    const { liveKey } = await mir.partner();
    await expect(readAuditStream(url, liveKey, '')).rejects.toThrow('RATE_LIMITED');
    watcher.stop();
    await Promise.all(reading);
  });

  it('fail if the database fails', async () => {
    const partner = await createChain(0);
    const { auditHeads } = mir.ctx.store;
    const failing = { ...auditHeads, seqsOf: () => Promise.reject(new mongo.MongoNetworkError('connection closed')) };
    const { url } = await serve({ headWatcher: createHeadWatcher({ auditHeads: failing }) });
    await expect(readAuditStream(url, partner.liveKey, '')).rejects.toThrow('STORE_UNAVAILABLE');
  });
});
