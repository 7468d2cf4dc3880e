import { type Profile, PROFILES } from './profiles';
import { type Random, seededRandom, weighted, zipfWeights } from './random';

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** The day lies well between two multiples of 24 h before its end, so that no whole-day count flips while it is played. */
const DAY_STARTS_BEFORE_END_MS = 22 * HOUR_MS;
const DAY_STOPS_BEFORE_END_MS = 2 * HOUR_MS;

const ZIPF_EXPONENT = 0.9;
const MIN_USERS = 5;
/** Of every five users by rank, one has been there for years, one for months; the others came today. */
const HISTORY_EVERY = 5;
const YEARS_DAYS = [200, 1200] as const;
const MONTHS_DAYS = [40, 170] as const;
const BACKFILL_SHARE = 0.5;

const METADATA_SHARE = 0.6;
const WEIGHT_SHARE = 0.3;
const REPEAT_SHARE = 0.02;
/** How many items later, at most, the same event is submitted again. */
const REPEAT_WITHIN = 2_000;
const EVENING_EVENTS = 60;
const CONFLICTS_PER_PARTNER = 5;

/** One event as it is submitted. All carry idempotency keys: only then may an unanswered request be sent again. */
export interface DemoEvent {
  userExternalId: string;
  eventType: string;
  occurredAt: string;
  weight?: number;
  metadata?: Record<string, unknown>;
  idempotencyKey: string;
}

/** Ways in which an item is wrong, and the field that the answer must name. */
export const FAULT_PATHS = { UNKNOWN_TYPE: 'eventType', DOLLAR_KEY: 'metadata', NO_USER: 'userExternalId' } as const;
export type Fault = keyof typeof FAULT_PATHS;
const FAULTS: readonly Fault[] = ['UNKNOWN_TYPE', 'UNKNOWN_TYPE', 'DOLLAR_KEY', 'NO_USER'];

/** The expected outcome of an item: stored, a duplicate, a conflict in the receipt, or rejected on submission. */
type Fate = 'COUNTS' | 'REPEAT' | 'CONFLICT' | Fault;

export interface Item {
  event: Partial<DemoEvent>;
  fate: Fate;
}

export interface PartnerDay {
  profile: Profile;
  /** In the order of occurrence, repeats and faulty items strewn in. */
  day: Item[];
  /** Submitted only when the day has settled: it reuses keys of the day with other content. */
  evening: Item[];
}

export interface DayOptions {
  seed: number;
  /** Events that count in the end, all partners together; repeats and faulty items come on top. */
  events: number;
  endMs: number;
}

/** Plays a day of three platforms. Pure: the same options give the same items. */
export function generateDay({ seed, events, endMs }: DayOptions): PartnerDay[] {
  let left = events;
  return PROFILES.map((profile, index) => {
    const count = index === PROFILES.length - 1 ? left : Math.min(left, Math.round(events * profile.share));
    left -= count;
    return partnerDay(profile, seededRandom(seed * PROFILES.length + index), count, endMs);
  });
}

function partnerDay(profile: Profile, random: Random, count: number, endMs: number): PartnerDay {
  const events = eventsOf(profile, random, count, endMs);
  const day = events.slice(0, count - Math.min(EVENING_EVENTS, Math.floor(count / 2)));
  const evening = events.slice(day.length);
  const conflicts = day.length === 0 ? [] : Array.from({ length: CONFLICTS_PER_PARTNER }, () => random.pick(day));
  return {
    profile,
    day: withFaults(random, withRepeats(random, day.map(counts))),
    evening: strew(random, evening.map(counts), distinct(conflicts).map(corrected)),
  };
}

function counts(event: DemoEvent): Item {
  return { event, fate: 'COUNTS' };
}

/** The event as somebody corrected it afterwards, with the key of the first submission. */
function corrected(event: DemoEvent): Item {
  return { event: { ...event, metadata: { ...event.metadata, correctedBy: 'support' } }, fate: 'CONFLICT' };
}

function distinct<T>(items: T[]): T[] {
  return [...new Set(items)];
}

function eventsOf(profile: Profile, random: Random, count: number, endMs: number): DemoEvent[] {
  const users = Math.max(MIN_USERS, Math.ceil(count / profile.eventsPerUser));
  const historyDays = Array.from({ length: users }, (_, rank) => historyOf(random, rank));
  const nextUser = weighted(random, zipfWeights(users, ZIPF_EXPONENT));
  const types = Object.keys(profile.mix);
  const nextType = weighted(random, Object.values(profile.mix));
  const drafts = Array.from({ length: count }, () => {
    const rank = nextUser();
    const atMs = timeOf(random, historyDays[rank]!, endMs);
    return { atMs, event: draft(profile, random, rank, types[nextType()]!, atMs) };
  });
  drafts.sort((a, b) => a.atMs - b.atMs);
  return drafts.map(({ event }, n) => ({ ...event, idempotencyKey: `${profile.contactEmail.split('@')[1]}-${n}` }));
}

function draft(
  profile: Profile,
  random: Random,
  rank: number,
  eventType: string,
  atMs: number,
): Omit<DemoEvent, 'idempotencyKey'> {
  return {
    userExternalId: profile.userId(rank),
    eventType,
    occurredAt: new Date(atMs).toISOString(),
    ...(random.chance(WEIGHT_SHARE) ? { weight: random.between(0, 20) / 2 } : {}),
    ...(random.chance(METADATA_SHARE) ? { metadata: profile.metadata(random) } : {}),
  };
}

/** Days of history that a user had before this day. */
function historyOf(random: Random, rank: number): number {
  const place = rank % HISTORY_EVERY;
  if (place === 0) return random.between(...YEARS_DAYS);
  return place === 1 ? random.between(...MONTHS_DAYS) : 0;
}

/** A time of the day, busiest in the middle; for users with a history often that time of an earlier day. */
function timeOf(random: Random, historyDays: number, endMs: number): number {
  const span = DAY_STARTS_BEFORE_END_MS - DAY_STOPS_BEFORE_END_MS;
  const ofDayMs = endMs - DAY_STARTS_BEFORE_END_MS + Math.floor(((random.next() + random.next()) / 2) * span);
  const daysAgo = historyDays > 0 && random.chance(BACKFILL_SHARE) ? random.between(1, historyDays) : 0;
  return ofDayMs - daysAgo * DAY_MS;
}

/** Some events are submitted twice, same key and content, as clients do that lost an answer. */
function withRepeats(random: Random, items: Item[]): Item[] {
  const due = new Map<number, Item[]>();
  items.forEach(({ event }, n) => {
    if (!random.chance(REPEAT_SHARE)) return;
    const at = Math.min(items.length - 1, n + random.between(0, REPEAT_WITHIN));
    due.set(at, [...(due.get(at) ?? []), { event, fate: 'REPEAT' }]);
  });
  return items.flatMap((item, n) => [item, ...(due.get(n) ?? [])]);
}

function withFaults(random: Random, items: Item[]): Item[] {
  if (items.length === 0) return items;
  const faulty = FAULTS.map((fault, n): Item => {
    const { event } = random.pick(items);
    return { event: spoil({ ...event, idempotencyKey: `${event.idempotencyKey}-bad-${n}` }, fault), fate: fault };
  });
  return strew(random, items, faulty);
}

function spoil(event: Partial<DemoEvent>, fault: Fault): Partial<DemoEvent> {
  if (fault === 'UNKNOWN_TYPE') return { ...event, eventType: event.eventType!.replace(/.$/, '') };
  if (fault === 'DOLLAR_KEY') return { ...event, metadata: { ...event.metadata, $where: 'sleep(1000)' } };
  const { userExternalId: _left, ...rest } = event;
  return rest;
}

function strew(random: Random, items: Item[], extra: Item[]): Item[] {
  const strewn = [...items];
  for (const item of extra) strewn.splice(random.between(0, strewn.length), 0, item);
  return strewn;
}
