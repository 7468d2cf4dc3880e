/** Smallest maximum of a group. */
const MIN_EVENTS = 50;
/** A commit that takes longer than this is slow. */
const SLOW_COMMIT_MS = 500;
/** Factor by which the maximum grows after a fast commit. */
const GROWTH = 1.05;

/** The maximum number of events in a group. Adapts to the database: fewer events after slow and aborted commits. */
export interface GroupSize {
  events(): number;
  /** Halves the maximum after a slow or aborted commit. Otherwise, lets it grow back slowly. */
  record(commit: { ms: number; aborted: boolean }): void;
}

export function createGroupSize(maxEvents: number): GroupSize {
  let current = maxEvents;
  return {
    events: () => Math.floor(current),
    record({ ms, aborted }) {
      current =
        aborted || ms > SLOW_COMMIT_MS ? Math.max(MIN_EVENTS, current / 2) : Math.min(maxEvents, current * GROWTH);
    },
  };
}
