/** A time range of the suite's clock, in epoch milliseconds. */
export interface TimeRange {
  fromMs: number;
  toMs: number;
}

/** An event that MIR has acknowledged. */
export interface AcknowledgedEvent {
  eventId: string;
  receiptId: string;
  /** Of the partner's clock, which may differ from the suite's after a fault. */
  receivedAtMs: number;
  /** When the acknowledgment arrived, on the suite's clock. */
  acknowledgedAtMs: number;
}

/** What MIR has acknowledged about one user of one partner. */
export interface ExpectedUser {
  acknowledged: AcknowledgedEvent[];
  /** Sum of the hashes of the acknowledged events' IDs. */
  idSum: number;
  /** Distinct events ever submitted, acknowledged or not. */
  submitted: number;
  /** Events whose outcome will never be known, because they have no idempotency key and were not acknowledged. */
  uncertain: number;
}

export const newUser = (): ExpectedUser => ({ acknowledged: [], idSum: 0, submitted: 0, uncertain: 0 });

const SUM_MODULUS = 2 ** 48;

/** Returns a hash of an event ID (FNV-1a, 32 bits), or the sum of several if called with an earlier sum. */
export function addId(sum: number, eventId: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < eventId.length; at += 1) hash = Math.imul(hash ^ eventId.charCodeAt(at), 0x01000193);
  return (sum + (hash >>> 0)) % SUM_MODULUS;
}

/** Returns whether an acknowledged event was allowed to get lost. */
export const isWithin = (
  ranges: readonly TimeRange[],
  { acknowledgedAtMs }: Pick<AcknowledgedEvent, 'acknowledgedAtMs'>,
): boolean => ranges.some(({ fromMs, toMs }) => acknowledgedAtMs >= fromMs && acknowledgedAtMs <= toMs);

/** The stored events of a user, and the counts that MIR derives from them. */
export interface StoredUser {
  events: number;
  idSum: number;
  /** `eventCount` of the user's row. */
  row: number;
  /** `eventCount` in `/resolve`, reduced to the user's own events if the user is linked. */
  resolved: number;
}

/**
 * Compares a user with what is stored. Returns the differences in words. `mayBeLost` lists when acknowledged events were
 * allowed to get lost, as in a failover to a replica that had not received them.
 */
export function differences(user: ExpectedUser, stored: StoredUser, mayBeLost: readonly TimeRange[] = []): string[] {
  const acknowledged = user.acknowledged.length;
  const lossy = user.acknowledged.filter((event) => isWithin(mayBeLost, event)).length;
  const found: string[] = [];
  if (stored.events < acknowledged - lossy) {
    found.push(`lost ${acknowledged - lossy - stored.events} of ${acknowledged} acknowledged events`);
  }
  if (stored.events > acknowledged + user.uncertain) {
    found.push(`stored ${stored.events} events, but at most ${acknowledged + user.uncertain} were submitted`);
  }
  const isExact = user.uncertain === 0 && lossy === 0 && stored.events === acknowledged;
  if (isExact && stored.idSum !== user.idSum) found.push('stored other events than the acknowledged ones');
  if (stored.row !== stored.events) found.push(`the row counts ${stored.row} of ${stored.events} stored events`);
  if (stored.resolved !== stored.events) {
    found.push(`/resolve counts ${stored.resolved} of ${stored.events} stored events`);
  }
  return found;
}

/** What one `/resolve` response said about a user. */
export interface Observation {
  eventCount: number;
  /** `includesEventsThrough`, or null if it was null. */
  throughMs: number | null;
  /** The user's submitted events when the response arrived. */
  submitted: number;
}

/** Returns how a response contradicts its own watermark, in words, or null. */
export function inconsistency(
  user: ExpectedUser,
  { eventCount, throughMs, submitted }: Observation,
  mayBeLost: readonly TimeRange[] = [],
): string | null {
  if (eventCount > submitted) return `/resolve counted ${eventCount} events of ${submitted} submitted`;
  if (throughMs === null) return null;
  const included = user.acknowledged.filter(
    (event) => event.receivedAtMs < throughMs && !isWithin(mayBeLost, event),
  ).length;
  if (eventCount >= included) return null;
  const through = new Date(throughMs).toISOString();
  return `/resolve counted ${eventCount} events, but ${included} were acknowledged before its watermark ${through}`;
}
