import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Tier, TierRules } from '../../shared/domain/tier';
import { daysSince, type Expected, expectedTier } from './count';
import { callApi, inParallel } from './http';
import type { SimulatedPartner } from './send';

const USERS_PER_RESOLVE = 100;
const POLL_MS = 100;

const time = z.iso.datetime().nullable();
const signalsSchema = z.object({
  userExternalId: z.string(),
  linked: z.boolean(),
  tier: z.int(),
  eventCount: z.int(),
  partnerCount: z.int(),
  recency: z.object({ lastEventAt: time, daysSinceLastEvent: z.int().nullable() }),
  history: z.object({ firstEventAt: time, days: z.int() }),
  basis: z.object({ scope: z.string() }),
  includesEventsThrough: time,
});
type Signals = z.infer<typeof signalsSchema>;
const resultsSchema = z.object({ results: z.array(signalsSchema) });

/** Results of checking the `POST /v1/resolve` responses for one partner's users. */
export interface CheckResult {
  users: number;
  tiers: Record<Tier, number>;
  sources: Record<string, number>;
  differences: string[];
}

interface CheckOptions {
  url: string;
  partner: SimulatedPartner;
  rules: TierRules;
  /** The partner's latest receivedAt. Responses must include every event received up to this time. */
  throughMs: number;
  deadlineMs: number;
  concurrency: number;
}

/** Compares every user's signals with the expected signals. Users in `unknown` must have no history. */
export async function checkSignals(
  expected: ReadonlyMap<string, Expected>,
  unknown: readonly string[],
  options: CheckOptions,
): Promise<CheckResult> {
  const ids = [...expected.keys(), ...unknown];
  const checked: CheckResult = { users: ids.length, tiers: { 0: 0, 1: 0, 2: 0, 3: 0 }, sources: {}, differences: [] };
  const pages = Array.from({ length: Math.ceil(ids.length / USERS_PER_RESOLVE) }, (_, n) =>
    ids.slice(n * USERS_PER_RESOLVE, (n + 1) * USERS_PER_RESOLVE),
  );
  await inParallel(pages, options.concurrency, async (page) => {
    const resolved = await resolveThrough(page, options);
    if (typeof resolved === 'string') {
      checked.differences.push(`${options.partner.name}: ${resolved}`);
      return;
    }
    checked.sources[resolved.source] = (checked.sources[resolved.source] ?? 0) + 1;
    const nowMs = Date.now();
    page.forEach((id, n) => {
      const signals = resolved.results[n];
      const wanted = wantedFacts(id, expected.get(id) ?? null, options.rules, nowMs);
      checked.tiers[wanted.tier] += 1;
      const differences = signals ? differencesOf(wanted, factsOf(signals)) : ['no result'];
      checked.differences.push(...differences.map((text) => `${options.partner.name}, user ${id}: ${text}`));
    });
  });
  return checked;
}

/**
 * Polls until the response includes every event received up to `throughMs`, then returns its results. Returns an error
 * message instead if a request fails or the deadline passes first.
 */
async function resolveThrough(
  userExternalIds: string[],
  { url, partner: { apiKey }, throughMs, deadlineMs }: CheckOptions,
): Promise<{ results: Signals[]; source: string } | string> {
  const body = JSON.stringify({ userExternalIds });
  for (;;) {
    const response = await callApi(url, { path: '/v1/resolve', apiKey, body });
    const parsed = resultsSchema.safeParse(response.body);
    if (response.status !== 200 || !parsed.success) {
      return `resolve returned ${response.status}: ${JSON.stringify(response.body).slice(0, 300)}`;
    }
    const through = parsed.data.results[0]?.includesEventsThrough ?? null;
    // The watermark is exclusive: an event received in exactly that millisecond may still be missing.
    if (through !== null && Date.parse(through) > throughMs) {
      return { results: parsed.data.results, source: response.headers.get('x-signals-source') ?? 'unknown' };
    }
    if (Date.now() > deadlineMs) {
      return `resolve includes events through ${through}, expected later than ${new Date(throughMs).toISOString()}`;
    }
    await sleep(POLL_MS);
  }
}

interface Facts extends Record<string, unknown> {
  tier: Tier;
}

function wantedFacts(userExternalId: string, expected: Expected | null, rules: TierRules, nowMs: number): Facts {
  const own = { userExternalId, linked: false, scope: 'OWN' };
  if (!expected) {
    const never = { lastEventAt: null, daysSinceLastEvent: null, firstEventAt: null, days: 0 };
    return { ...own, tier: 0, eventCount: 0, partnerCount: 0, ...never };
  }
  return {
    ...own,
    tier: expectedTier(rules, expected, nowMs),
    eventCount: expected.eventCount,
    partnerCount: 1,
    lastEventAt: new Date(expected.lastAtMs).toISOString(),
    daysSinceLastEvent: daysSince(expected.lastAtMs, nowMs),
    firstEventAt: new Date(expected.firstAtMs).toISOString(),
    days: daysSince(expected.firstAtMs, nowMs),
  };
}

function factsOf({ userExternalId, linked, basis, tier, eventCount, partnerCount, ...rest }: Signals): Facts {
  const facts = { userExternalId, linked, scope: basis.scope, tier: tier as Tier, eventCount, partnerCount };
  return { ...facts, ...rest.recency, ...rest.history };
}

function differencesOf(wanted: Facts, found: Facts): string[] {
  return Object.entries(wanted)
    .filter(([name, value]) => found[name] !== value)
    .map(([name, value]) => `${name} is ${String(found[name])}, expected ${String(value)}`);
}
