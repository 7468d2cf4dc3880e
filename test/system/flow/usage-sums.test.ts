import { beforeAll, describe, expect, it } from '@jest/globals';
import { generateDay } from '../../../deploy/demo/generate-day';
import { planRequests, type DemoRequest } from '../../../deploy/demo/requests';
import { toCall } from '../../../deploy/demo/send';
import { type Tenant, tenantOf } from '../../../shared/domain/ids';
import { countsIn, HOUR_MS, hourOf, NO_EVENT_USAGE, type RequestCounts } from '../../../shared/domain/usage';
import { readUsage, type Usage } from '../../../shared/usage/read-usage';
import { storeUsage } from '../../../shared/usage/store-usage';
import { faultEnvironment } from '../../support/fault-environment';
import type { Harness, TestPartner } from '../../support/harness';
import type { TestProcess } from '../../support/start-process';
import { waitUntil } from '../../support/wait-until';

const EVENTS = 6_000;
const CLIENTS = 16;
/** Share of the requests after which the worker and the API process are killed. */
const KILL_WORKER_AT = 0.3;
const KILL_API_AT = 0.5;
const TEST_TIMEOUT_MS = 180_000;

/** A line of the access log. */
interface Line {
  log: string;
  tenant: Tenant | null;
  group: string;
  status: number;
  code: string | null;
  rejectedEvents: number;
  usageHour: string;
  usageBatch: string;
}

const { start, serve } = faultEnvironment();
let mir: Harness;
let partners: TestPartner[];
beforeAll(async () => {
  mir = await serve({ workers: false });
  partners = await Promise.all(Array.from({ length: 3 }, () => mir.partner()));
});

const accessLog = (process: TestProcess): Line[] =>
  process
    .stdout()
    .split('\n')
    .flatMap((line) => (line.includes('"log":"access"') ? [JSON.parse(line) as Line] : []))
    .filter(({ tenant }) => tenant !== null);

/** Sends a request to each API process in turn until one responds. Returns how often none did. */
async function send(apis: readonly TestProcess[], n: number, path: string, init: RequestInit): Promise<number> {
  let failures = 0;
  for (;;) {
    const { port } = apis[(n + failures) % apis.length]!;
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
      await response.text();
      return failures;
    } catch {
      failures += 1;
    }
  }
}

/** Plays the requests of a day, some of them with a read, and kills the processes midway. */
async function playDay(requests: readonly DemoRequest[], apis: TestProcess[], worker: TestProcess): Promise<number> {
  let next = 0;
  let failures = 0;
  const client = async (): Promise<void> => {
    while (next < requests.length) {
      const n = next++;
      if (n === Math.floor(requests.length * KILL_WORKER_AT)) void worker.kill9();
      if (n === Math.floor(requests.length * KILL_API_AT)) void apis[0]!.kill9();
      const request = requests[n]!;
      const { liveKey } = partners[request.partner]!;
      const { path, headers, body } = toCall(request, liveKey);
      const json = { 'x-api-key': liveKey, 'content-type': 'application/json' };
      failures += await send(apis, n, path, { method: 'POST', headers: { ...json, ...headers }, body: body! });
      if (n % 3 === 0) {
        const read = JSON.stringify(n % 2 === 0 ? { userExternalId: `u-${n}` } : {});
        failures += await send(apis, n, '/v1/resolve', { method: 'POST', headers: json, body: read });
      }
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return failures;
}

/** Adds up a tenant's receipts, as the API lists them. */
async function sumOfReceipts({ liveKey }: TestPartner) {
  const sum = { ...NO_EVENT_USAGE };
  let cursor = '';
  let queued = 0;
  do {
    const { body } = await mir.client.get(`/v1/events/receipts?limit=500${cursor}`, liveKey);
    for (const receipt of body.data) {
      if (receipt.status === 'QUEUED') queued += 1;
      for (const outcome of Object.keys(sum) as (keyof typeof sum)[]) sum[outcome] += receipt[outcome];
    }
    cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
  } while (cursor !== '');
  return { sum, queued };
}

/** Returns the lines whose batch Redis has, and the number of the others. */
async function countedLines(tenant: Tenant, lines: readonly Line[]): Promise<{ counted: Line[]; uncounted: number }> {
  const { keys, queueLink } = mir.ctx;
  const counted: Line[] = [];
  for (const line of lines) {
    const hash = keys.usage(tenant, Date.parse(line.usageHour) / HOUR_MS);
    const [process, batch] = line.usageBatch.split(':');
    const last = await queueLink.client.hget(hash, `batch:${process}`);
    if (Number(batch) <= Number(last ?? 0)) counted.push(line);
  }
  return { counted, uncounted: lines.length - counted.length };
}

function countsOf(lines: readonly Line[]): RequestCounts {
  const counts: RequestCounts = {};
  const add = (field: string, count: number): void => void (counts[field] = (counts[field] ?? 0) + count);
  for (const { group, status, code, rejectedEvents } of lines) {
    add(`out:${group}:${status}:${code ?? ''}`, 1);
    if (rejectedEvents > 0) add('rejected', rejectedEvents);
  }
  return counts;
}

const usageOf = (tenant: Tenant): Promise<Usage> => {
  const nowMs = Date.now();
  const range = { fromMs: nowMs - 48 * HOUR_MS, toMs: nowMs + 48 * HOUR_MS, bucket: 'hour' as const };
  return readUsage({ store: mir.ctx.store, link: mir.ctx.queueLink, keys: mir.ctx.keys }, tenant, range);
};
const sumOf = (counts: RequestCounts, prefix: string): number =>
  Object.entries(counts).reduce((sum, [field, count]) => sum + (field.startsWith(prefix) ? count : 0), 0);

/** Returns a tenant's finished requests in Redis, by field, and the number that entered. */
async function requestsOf(tenant: Tenant): Promise<{ finished: RequestCounts; entered: number }> {
  const { keys, queueLink } = mir.ctx;
  const all: RequestCounts = {};
  for (const hour of await queueLink.client.smembers(keys.usage(tenant, 'hours'))) {
    const hash = countsIn(await queueLink.client.hgetall(keys.usage(tenant, Number(hour))));
    for (const [field, count] of Object.entries(hash)) all[field] = (all[field] ?? 0) + count;
  }
  const finished = Object.fromEntries(Object.entries(all).filter(([field]) => !field.startsWith('in:')));
  return { finished, entered: sumOf(all, 'in:') };
}

describe('usage', () => {
  it(
    'equals the receipts and the access log exactly after a day on which a worker and an API process were killed',
    async () => {
      const env = { ...mir.env, ACCESS_LOG: 'true' };
      const apis = await Promise.all([start('api', env), start('api', env)]);
      const [killed] = await Promise.all([start('worker', env), start('worker', env)]);
      const day = generateDay({ seed: 16, events: EVENTS, endMs: Date.now() });
      const plan = planRequests(day, { seed: 16, resendPercent: 2 });
      const failures = await playDay([...plan.day, ...plan.evening], apis, killed);
      expect(failures).toBeGreaterThan(0);
      await mir.drained();
      await apis[1].stop();

      let uncountedLines = 0;
      let unfinished = 0;
      let persisted = 0;
      for (const partner of partners) {
        const tenant = tenantOf(partner.partnerId, 'live');
        const lines = apis.flatMap(accessLog).filter((line) => line.tenant === tenant);
        const { counted, uncounted } = await countedLines(tenant, lines);
        const { finished, entered } = await requestsOf(tenant);
        // Every counted response is in the log, and every logged one that Redis has is counted.
        expect(finished).toEqual(countsOf(counted));
        expect(finished['rejected']).toBeGreaterThan(0);
        const usage = await usageOf(tenant);
        const total = usage.total.requests.reduce((sum, group) => sum + group.total, 0);
        expect(total).toBe(entered);
        uncountedLines += uncounted;
        unfinished += entered - counted.length;
        // The other API process, which stopped regularly, has counted all of its responses.
        const own = accessLog(apis[1]).filter((line) => line.tenant === tenant);
        expect((await countedLines(tenant, own)).uncounted).toBe(0);

        const { rejected, ...events } = usage.total.events;
        expect(rejected).toBe(finished['rejected']);
        await waitUntil('the receipts are final', async () => (await sumOfReceipts(partner)).queued === 0);
        expect(events).toEqual((await sumOfReceipts(partner)).sum);
        persisted += events.persisted;
        expect(events.persisted).toBe(await mir.ctx.store.events.model.countDocuments({ tenant }));
      }
      // Requests without a line are those that were in progress when the process was killed, at most one per client.
      expect(unfinished - uncountedLines).toBeGreaterThanOrEqual(0);
      expect(unfinished - uncountedLines).toBeLessThanOrEqual(CLIENTS);
      expect(persisted).toBe(EVENTS);

      // The requests of this test's own process are in the same hours.
      await mir.ctx.usage.flush();
      const tenants = partners.map(({ partnerId }) => tenantOf(partnerId, 'live'));
      const before = await Promise.all(tenants.map(usageOf));
      const { store, queueLink: link, keys } = mir.ctx;
      const hours = await storeUsage({ store, link, keys }, (hourOf(Date.now()) + 2) * HOUR_MS);
      expect(hours).toBeGreaterThanOrEqual(tenants.length);
      for (const tenant of tenants) {
        for (const hour of before[0]!.buckets) await link.client.del(keys.usage(tenant, hourOf(hour.atMs)));
      }
      expect(await Promise.all(tenants.map(usageOf))).toEqual(before);
    },
    TEST_TIMEOUT_MS,
  );
});
