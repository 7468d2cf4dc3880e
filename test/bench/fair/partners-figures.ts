import { setTimeout as delay } from 'node:timers/promises';
import { insertPartner, type TestPartner } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';
import { UNLIMITED } from '../environment';
import { atMost } from '../result';
import { clearEvents, DRAIN_TIMEOUT_MS, drained, type FairBench, openChunks, send, USERS } from './bench';
import { options } from './options';

const PARTNERS = 10;
/** Time after which the eleventh partner starts. */
const LATE_MS = 5_000;
const LATE_EVENTS = 1_000;

/** Ten partners dump events at the same time; an eleventh sends a little later. */
async function tenPartners(bench: FairBench): Promise<{ spread: number; lateSeconds: number; rate: number }> {
  const { environment, api, sender, late } = bench;
  const partners = await Promise.all(
    Array.from({ length: PARTNERS + 1 }, () => insertPartner(environment.ctx.store, UNLIMITED)),
  );
  const eleventh = partners.pop()!;
  const { each } = options;
  const dumps = partners.map(({ liveKey }) => ({ key: liveKey, events: each, users: USERS }));
  const startedAt = performance.now();
  const sent = new Set<TestPartner>();
  const sending = send(sender, { port: api.port, dumps, connections: 1, rate: null }, (n) => sent.add(partners[n]!));
  const latecomer = (async () => {
    await delay(LATE_MS);
    const from = performance.now();
    const one = [{ key: eleventh.liveKey, events: LATE_EVENTS, users: USERS }];
    await send(late, { port: api.port, dumps: one, connections: 2, rate: null });
    await drained(environment, eleventh);
    return (performance.now() - from) / 1_000;
  })();
  const finishedAt = new Map<TestPartner, number>();
  await waitUntil(
    'all dumps are finalized',
    async () => {
      for (const partner of partners) {
        if (finishedAt.has(partner)) continue;
        if (sent.has(partner) && (await openChunks(environment, partner)) === 0)
          finishedAt.set(partner, performance.now());
      }
      return finishedAt.size === partners.length;
    },
    DRAIN_TIMEOUT_MS,
  );
  await sending;
  const times = [...finishedAt.values()].map((at) => at - startedAt);
  const lateSeconds = await latecomer;
  await clearEvents(environment);
  return {
    spread: Math.max(...times) / Math.min(...times),
    lateSeconds,
    rate: ((each * PARTNERS) / Math.max(...times)) * 1_000,
  };
}

/** Measures whether ten partners that dump at the same time finish at the same time, and how long an eleventh waits. */
export async function partnersFigures(bench: FairBench): Promise<void> {
  const all: { spread: number; lateSeconds: number; rate: number }[] = [];
  for (let round = 0; round < options.rounds; round += 1) all.push(await tenPartners(bench));
  const each = options.each.toLocaleString('en');
  bench.reporter.add({
    id: 'ten-spread',
    name: `ten partners with ${each} events each: slowest / fastest`,
    unit: 'ratio',
    values: all.map(({ spread }) => spread),
    limit: atMost(1.3, 1.1),
    sides: [{ name: 'together', unit: 'events/s', values: all.map(({ rate }) => rate) }],
  });
  bench.reporter.add({
    id: 'ten-eleventh',
    name: `an eleventh partner's ${LATE_EVENTS.toLocaleString('en')} events, from the first request to the last commit`,
    unit: 's',
    values: all.map(({ lateSeconds }) => lateSeconds),
    limit: atMost(3, 1),
    sides: [],
  });
}
