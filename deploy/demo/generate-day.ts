import { type Profile, PROFILES } from './profiles';
import { type Random, seededRandom, weighted, zipfWeights } from './random';

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
// All events occur at least 2 h away from a multiple of 24 h before `endMs`, so day counts stay constant during a run.
const DAY_STARTS_BEFORE_END_MS = 22 * HOUR_MS;
const DAY_STOPS_BEFORE_END_MS = 2 * HOUR_MS;

const ZIPF_EXPONENT = 0.9;
const MIN_USERS = 5;
/** One in five users has years of history, and one in five has months. The others are new on the generated day. */
const HISTORY_EVERY = 5;
const YEARS_DAYS = [200, 1200] as const;
const MONTHS_DAYS = [40, 170] as const;
const BACKFILL_SHARE = 0.5;

const METADATA_SHARE = 0.6;
const WEIGHT_SHARE = 0.3;
const REPEAT_SHARE = 0.02;
/** Maximum distance, in items, between an event and its repeat. */
const REPEAT_WITHIN = 2_000;
const EVENING_EVENTS = 60;
const CONFLICTS_PER_PARTNER = 5;

/** A submitted event. Every event has an idempotency key, so requests are safe to retry. */
export interface DemoEvent {
  userExternalId: string;
  eventType: string;
  occurredAt: string;
  weight?: number;
  metadata?: Record<string, unknown>;
  idempotencyKey: string;
}

/** Kinds of faulty items, each with the field that the response must report. */
export const FAULT_PATHS = { UNKNOWN_TYPE: 'eventType', DOLLAR_KEY: 'metadata', NO_USER: 'userExternalId' } as const;
export type Fault = keyof typeof FAULT_PATHS;
const FAULTS: readonly Fault[] = ['UNKNOWN_TYPE', 'UNKNOWN_TYPE', 'DOLLAR_KEY', 'NO_USER'];

/**
 * The expected outcome of an item: counted, recognized as a repeat, reported as a conflict, or rejected on submission.
 */
type Fate = 'COUNTS' | 'REPEAT' | 'CONFLICT' | Fault;

export interface Item {
  event: Partial<DemoEvent>;
  fate: Fate;
}

export interface PartnerDay {
  profile: Profile;
  /** Events in order of occurrence, mixed with repeats and faulty items. */
  day: Item[];
  /**
   * Submitted once every receipt from the day is final, because some items reuse the day's keys with different content.
   */
  evening: Item[];
}

export interface DayOptions {
  seed: number;
  /** Total number of counted events across all partners, excluding repeats and faulty items. */
  events: number;
  endMs: number;
}

/** Generates a day of events for three platforms. The same options always yield the same events. */
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
    evening: mixIn(random, evening.map(counts), distinct(conflicts).map(corrected)),
  };
}

function counts(event: DemoEvent): Item {
  return { event, fate: 'COUNTS' };
}

/** Returns a corrected version of the event with the same idempotency key. */
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

/** Returns how many days of history a user has before the generated day. */
function historyOf(random: Random, rank: number): number {
  const place = rank % HISTORY_EVERY;
  if (place === 0) return random.between(...YEARS_DAYS);
  return place === 1 ? random.between(...MONTHS_DAYS) : 0;
}

/**
 * Returns the time of an event, most likely around the middle of the day. For users with a history, the time is often
 * on an earlier day.
 */
function timeOf(random: Random, historyDays: number, endMs: number): number {
  const span = DAY_STARTS_BEFORE_END_MS - DAY_STOPS_BEFORE_END_MS;
  const atMs = endMs - DAY_STARTS_BEFORE_END_MS + Math.floor(((random.next() + random.next()) / 2) * span);
  const daysAgo = historyDays > 0 && random.chance(BACKFILL_SHARE) ? random.between(1, historyDays) : 0;
  return atMs - daysAgo * DAY_MS;
}

/** Repeats some events with the same key and content, as a client that did not receive the response would. */
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
  return mixIn(random, items, faulty);
}

function spoil(event: Partial<DemoEvent>, fault: Fault): Partial<DemoEvent> {
  if (fault === 'UNKNOWN_TYPE') return { ...event, eventType: event.eventType!.replace(/.$/, '') };
  if (fault === 'DOLLAR_KEY') return { ...event, metadata: { ...event.metadata, $where: 'sleep(1000)' } };
  const { userExternalId: _left, ...rest } = event;
  return rest;
}

function mixIn(random: Random, items: Item[], extra: Item[]): Item[] {
  const mixed = [...items];
  for (const item of extra) mixed.splice(random.between(0, mixed.length), 0, item);
  return mixed;
}
