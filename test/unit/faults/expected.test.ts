import { describe, expect, it } from '@jest/globals';
import { addId, differences, type ExpectedUser, inconsistency, newUser } from '../../faults/oracle/expected';

/** How long after an event was received its acknowledgment arrived. */
const DELAY_MS = 100_000;
const IDS = ['evt_live_a', 'evt_live_b', 'evt_live_c'];

/** Returns a user with three acknowledged events, received at 1,000, 2,000 and 3,000. */
function user(changes: Partial<ExpectedUser> = {}): ExpectedUser {
  const acknowledged = IDS.map((eventId, n) => {
    const receivedAtMs = (n + 1) * 1_000;
    return { eventId, receiptId: 'rcp', receivedAtMs, acknowledgedAtMs: receivedAtMs + DELAY_MS };
  });
  return { acknowledged, idSum: IDS.reduce(addId, 0), submitted: 3, uncertain: 0, ...changes };
}
const stored = (ids: readonly string[], counts = { row: ids.length, resolved: ids.length }) => ({
  events: ids.length,
  idSum: ids.reduce(addId, 0),
  ...counts,
});

describe('comparing a user with what is stored', () => {
  it('finds no difference if every acknowledged event is stored and counted once, in any order', () => {
    expect(differences(user(), stored(IDS.toReversed()))).toEqual([]);
    expect(differences(newUser(), stored([]))).toEqual([]);
  });

  it('detects a lost event', () => {
    expect(differences(user(), stored(IDS.slice(1)))).toEqual(['lost 1 of 3 acknowledged events']);
  });

  it('detects an event that is stored twice', () => {
    expect(differences(user(), stored([...IDS, 'evt_live_d']))).toEqual([
      'stored 4 events, but at most 3 were submitted',
    ]);
  });

  it('detects an event that is counted twice, in the row or in /resolve', () => {
    expect(differences(user(), stored(IDS, { row: 4, resolved: 3 }))).toEqual(['the row counts 4 of 3 stored events']);
    expect(differences(user(), stored(IDS, { row: 3, resolved: 4 }))).toEqual(['/resolve counts 4 of 3 stored events']);
  });

  it('detects a response without a count', () => {
    expect(differences(user(), stored(IDS, { row: 3, resolved: Number.NaN }))).toHaveLength(1);
  });

  it('detects a lost event whose place another event took', () => {
    expect(differences(user(), stored([...IDS.slice(1), 'evt_live_d']))).toEqual([
      'stored other events than the acknowledged ones',
    ]);
  });

  it('accepts that events with an unknown outcome are stored or not, but not that an acknowledged one is lost', () => {
    const uncertain = user({ submitted: 5, uncertain: 2 });
    for (const more of [[], ['evt_live_d'], ['evt_live_d', 'evt_live_e']]) {
      expect(differences(uncertain, stored([...IDS, ...more]))).toEqual([]);
    }
    expect(differences(uncertain, stored(IDS.slice(1)))).toHaveLength(1);
    expect(differences(uncertain, stored([...IDS, 'd', 'e', 'f']))).toHaveLength(1);
  });

  it('accepts lost events only from the time in which they may get lost', () => {
    const range = [{ fromMs: DELAY_MS + 2_500, toMs: DELAY_MS + 3_500 }];
    expect(differences(user(), stored(IDS.slice(0, 2)), range)).toEqual([]);
    expect(differences(user(), stored(IDS.slice(0, 1)), range)).toEqual(['lost 1 of 3 acknowledged events']);
  });
});

describe('checking a response against its watermark', () => {
  it('accepts a response that counts what its watermark covers, and at most what was submitted', () => {
    for (const eventCount of [2, 3]) {
      expect(inconsistency(user(), { eventCount, throughMs: 2_500, submitted: 3 })).toBeNull();
    }
  });

  it('detects a response that misses an event from before its watermark', () => {
    expect(inconsistency(user(), { eventCount: 1, throughMs: 2_500, submitted: 3 })).toMatch(
      /counted 1 events, but 2 were acknowledged before its watermark/,
    );
  });

  it('detects a response that counts more events than were submitted', () => {
    expect(inconsistency(user(), { eventCount: 4, throughMs: null, submitted: 3 })).toMatch(/counted 4 events of 3/);
  });

  it('requires nothing of events received at the watermark or later, or without a watermark', () => {
    expect(inconsistency(user(), { eventCount: 1, throughMs: 2_000, submitted: 3 })).toBeNull();
    expect(inconsistency(user(), { eventCount: 0, throughMs: null, submitted: 3 })).toBeNull();
  });
});
