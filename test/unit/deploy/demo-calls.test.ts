import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { checkSignals } from '../../../deploy/demo/check';
import { compareBags } from '../../../deploy/demo/check-store';
import { callApi, inParallel } from '../../../deploy/demo/http';
import { readOptions } from '../../../deploy/demo/options';
import { differencesText } from '../../../deploy/demo/report';
import { nothingSent, sendRequests } from '../../../deploy/demo/send';
import { awaitReceipts } from '../../../deploy/demo/await-receipts';
import { tempDirs } from '../../support/temp-dirs';

const RULES = { tier2: { minEvents: 20, minDays: 30 }, tier3: { minEvents: 100, minDays: 180 } };
const PARTNER = { name: 'Shop', partnerId: 'prt_x', apiKey: 'k' };
const { tempDir, afterTest } = tempDirs();
/** Long enough for every check, even on a slow machine. */
const LONG_MS = 30_000;

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterTest(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Sends the given responses in order, then repeats the last one. */
function respondInOrder(...responses: { status: number; body?: unknown }[]): RequestListener {
  let next = 0;
  return (req, res) => {
    const { status, body } = responses[Math.min(next++, responses.length - 1)]!;
    req.resume().on('end', () => res.writeHead(status, { 'retry-after': '0' }).end(JSON.stringify(body ?? null)));
  };
}

describe('callApi', () => {
  it('retries after 429 and 503 responses, and counts each kind separately', async () => {
    const url = await serve(
      respondInOrder({ status: 503 }, { status: 429 }, { status: 503 }, { status: 202, body: { a: 1 } }),
    );
    const response = await callApi(url, { path: '/events', apiKey: 'k', body: '{}' });
    expect(response).toMatchObject({ status: 202, body: { a: 1 }, rejections: 1, uncertain: 2 });
  });

  it('reports the last response when it gives up', async () => {
    const url = await serve(respondInOrder({ status: 503, body: { code: 'OVERLOADED' } }));
    await expect(callApi(url, { path: '/events', apiKey: 'k', body: '{}' }, 50)).rejects.toThrow(/503.*OVERLOADED/);
  });
});

describe('inParallel', () => {
  it('processes every item once with bounded concurrency and stops at the first failure', async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    const items = Array.from({ length: 20 }, (_, n) => n);
    await inParallel(items, 3, async (item) => {
      most = Math.max(most, (running += 1));
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      done.push(item);
    });
    expect(most).toBe(3);
    expect(done.sort((a, b) => a - b)).toEqual(items);
    let attempts = 0;
    const fail = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(new Error('failed'));
    };
    await expect(inParallel(items, 3, fail)).rejects.toThrow('failed');
    await new Promise((resolve) => setImmediate(resolve));
    expect(attempts).toBe(3);
  });
});

describe('demo checks', () => {
  const send = async (body: unknown, status = 202): Promise<string[]> => {
    const url = await serve(respondInOrder({ status, body }));
    const sent = nothingSent(1);
    const items = (['COUNTS', 'NO_USER'] as const).map((fate) => ({ event: { idempotencyKey: fate }, fate }));
    const options = { url, partners: [PARTNER], concurrency: 1, onSent: () => undefined };
    await sendRequests([{ partner: 0, shape: 'batch', gzip: true, items }], sent, options);
    return sent.problems;
  };
  const accepted = { receiptId: 'r', receivedAt: '2026-05-01T09:30:00.000Z', accepted: 1, rejected: 1 };
  const error = { index: 1, code: 'REQUIRED', path: 'userExternalId', message: 'm' };

  it('does not report anything if only the faulty item was rejected', async () => {
    expect(await send({ ...accepted, errors: [error] })).toEqual([]);
  });

  it('reports an accepted faulty item, a rejected valid item and a wrong status', async () => {
    expect(await send({ ...accepted, accepted: 2, rejected: 0, errors: [] })).toHaveLength(2);
    expect(await send({ ...accepted, accepted: 0, rejected: 2, errors: [error, { ...error, index: 0 }] })).toHaveLength(
      2,
    );
    expect(await send({ code: 'INTERNAL' }, 500)).toEqual([expect.stringContaining('500 instead of 202')]);
  });

  it('reports a receipt that has the wrong outcome or stays QUEUED', async () => {
    const receipt = { status: 'QUEUED', accepted: 2, persisted: 0, duplicates: 0, conflicts: 0, failed: 0 };
    const done = { ...receipt, status: 'DONE', persisted: 2 };
    const problemsOf = async (body: unknown, waitMs = LONG_MS): Promise<string[]> => {
      const url = await serve(respondInOrder({ status: 200, body: receipt }, { status: 200, body }));
      const pending = { partner: 0, receiptId: 'r', accepted: 2, conflicts: 0 };
      const bounds = { concurrency: 1, deadlineMs: Date.now() + waitMs, onFinal: () => undefined };
      return (await awaitReceipts([pending], { url, partners: [PARTNER], ...bounds })).problems;
    };
    expect(await problemsOf(done)).toEqual([]);
    expect(await problemsOf({ ...done, persisted: 1 })).toEqual([expect.stringContaining('expected DONE')]);
    expect(await problemsOf(receipt, 50)).toEqual([expect.stringContaining('still QUEUED')]);
  });

  it('reports wrong signals and signals that never include the events', async () => {
    const atMs = Date.now() - 3600_000;
    const at = new Date(atMs).toISOString();
    const signals = (eventCount: number, throughMs: number): unknown => ({
      userExternalId: 'u',
      linked: false,
      tier: 1,
      eventCount,
      partnerCount: 1,
      recency: { lastEventAt: at, daysSinceLastEvent: 0 },
      history: { firstEventAt: at, days: 0 },
      basis: { scope: 'OWN' },
      includesEventsThrough: new Date(throughMs).toISOString(),
    });
    const check = async (bodies: unknown[], waitMs = LONG_MS): Promise<string[]> => {
      const url = await serve(respondInOrder(...bodies.map((one) => ({ status: 200, body: { results: [one] } }))));
      const expected = new Map([['u', { eventCount: 2, firstAtMs: atMs, lastAtMs: atMs }]]);
      const bounds = { rules: RULES, throughMs: atMs, deadlineMs: Date.now() + waitMs, concurrency: 1 };
      return (await checkSignals(expected, [], { url, partner: PARTNER, ...bounds })).differences;
    };
    expect(await check([signals(1, atMs), signals(2, atMs + 1)])).toEqual([]);
    expect(await check([signals(3, atMs + 1)])).toEqual(['Shop, user u: eventCount is 3, expected 2']);
    expect(await check([signals(2, atMs)], 50)).toEqual([expect.stringContaining('expected later than')]);
  });

  it('reports surplus and missing database rows, including duplicates', () => {
    expect(compareBags('rows', ['a', 'a', 'b'], ['b', 'a', 'a'])).toEqual([]);
    expect(compareBags('rows', ['a', 'a'], ['a', 'c'])).toEqual(['rows: 1 surplus: a', 'rows: 1 missing: c']);
  });

  it('shortens a long list of differences', () => {
    const text = differencesText(Array.from({ length: 100 }, (_, n) => `d${n}`));
    expect(text.split('\n')).toHaveLength(27);
    expect(text).toContain('and 75 more');
  });
});

describe('readOptions', () => {
  it('applies defaults and reports all invalid options at once', () => {
    const env = { MONGO_URL: 'mongodb://127.0.0.1/mir', PORT: '3900', DATA_DIR: tempDir(), TIER_2_MIN_EVENTS: '5' };
    const options = readOptions([], env);
    expect(options).toMatchObject({ seed: 1, events: 20_000, resendPercent: 0, env: 'live' });
    expect(options).toMatchObject({ url: 'http://localhost:3900', rules: { tier2: { minEvents: 5 } } });
    expect(() => readOptions(['--seed', 'x', '--env', 'prod'], env)).toThrow(/--seed.*\n.*--env/);
    expect(readOptions(['--help'], env)).toBeNull();
  });

  it('suggests npm start if MIR is not running', () => {
    expect(() => readOptions([], { DATA_DIR: tempDir() })).toThrow('npm start');
  });
});
