import type { Item, PartnerDay } from './generate-day';
import { type Random, seededRandom } from './random';

const MAX_RUN_OF_SINGLES = 20;
const BATCH_SIZES = [50, 500] as const;
const SHARE_OF_SINGLE_RUNS = 0.5;
const NDJSON_SHARE = 0.4;
const GZIP_SHARE = 0.4;
/**
 * Share of resends that are concurrent with the original request. The others follow up to RESEND_WITHIN requests later.
 */
const CONCURRENT_RESEND_SHARE = 0.5;
const RESEND_WITHIN = 200;

type Shape = 'single' | 'batch' | 'ndjson';

/** One HTTP request by a partner. */
export interface DemoRequest {
  /** Index of the partner. */
  partner: number;
  shape: Shape;
  gzip: boolean;
  items: Item[];
}

/** All requests in order. The evening's requests start when every receipt from the day is final. */
export interface CallPlan {
  day: DemoRequest[];
  evening: DemoRequest[];
}

/**
 * Splits the items into requests of all shapes, interleaves the partners' requests and repeats `resendPercent` percent
 * of them.
 */
export function planRequests(partners: PartnerDay[], options: { seed: number; resendPercent: number }): CallPlan {
  const random = seededRandom(options.seed);
  const resend = (requests: DemoRequest[]): DemoRequest[] => withResends(random, requests, options.resendPercent / 100);
  const day = mixed(partners.map(({ day }, partner) => cut(random, partner, day)));
  const evening = mixed(partners.map(({ evening }, partner) => eveningOf(partner, evening)));
  return { day: resend(day), evening: resend(evening) };
}

/**
 * Returns a batch of new events and events with reused keys, followed by a single event with a reused key. The API may
 * reject the single event.
 */
function eveningOf(partner: number, items: Item[]): DemoRequest[] {
  if (items.length === 0) return [];
  const batch: DemoRequest = { partner, shape: partner % 2 === 0 ? 'batch' : 'ndjson', gzip: partner > 0, items };
  const reused = items.find(({ fate }) => fate === 'CONFLICT');
  return reused ? [batch, { partner, shape: 'single', gzip: false, items: [reused] }] : [batch];
}

function cut(random: Random, partner: number, items: Item[]): DemoRequest[] {
  const requests: DemoRequest[] = [];
  let at = 0;
  const take = (count: number): Item[] => items.slice(at, (at += count));
  while (at < items.length) {
    if (random.chance(SHARE_OF_SINGLE_RUNS)) {
      const run = take(random.between(1, MAX_RUN_OF_SINGLES));
      requests.push(...run.map((item) => ({ partner, shape: 'single' as const, gzip: false, items: [item] })));
    } else {
      const shape = random.chance(NDJSON_SHARE) ? 'ndjson' : 'batch';
      requests.push({
        partner,
        shape,
        gzip: random.chance(GZIP_SHARE),
        items: take(random.between(...BATCH_SIZES)),
      });
    }
  }
  return requests;
}

/** Interleaves the partners' requests evenly and preserves each partner's order. */
function mixed(lists: DemoRequest[][]): DemoRequest[] {
  return lists
    .flatMap((list) => list.map((request, n) => ({ request, place: (n + 0.5) / list.length })))
    .sort((a, b) => a.place - b.place)
    .map(({ request }) => request);
}

function withResends(random: Random, requests: DemoRequest[], share: number): DemoRequest[] {
  const due = new Map<number, DemoRequest[]>();
  requests.forEach((request, n) => {
    if (!random.chance(share)) return;
    const later = random.chance(CONCURRENT_RESEND_SHARE) ? 0 : random.between(1, RESEND_WITHIN);
    const at = Math.min(requests.length - 1, n + later);
    due.set(at, [...(due.get(at) ?? []), request]);
  });
  return requests.flatMap((request, n) => [request, ...(due.get(n) ?? [])]);
}
