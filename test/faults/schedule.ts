import { type Random, randomFrom } from './random';

/** Healthy traffic before a fault. */
const GAP_SECONDS = { from: 2, to: 5 };
/** Position in the first round at which the rare faults run: early, because they are faster while there is little data. */
const RARE_FROM = 3;

/** The facts about a fault that the schedule needs. */
export interface ScheduledFault {
  number: number;
  /** How long the fault lasts: a range, or a list of choices. */
  seconds: { from: number; to: number } | readonly number[];
  /** True for a fault that takes minutes. It occurs only in the first round. */
  rare?: boolean;
}

export interface Plan {
  position: number;
  number: number;
  gapSeconds: number;
  seconds: number;
  /** For the fault's other decisions. */
  random: Random;
}

/** Returns which fault occurs at a position. In each round, all faults occur once, in random order. */
function numberAt(seed: number, position: number, faults: readonly ScheduledFault[]): number {
  const rare = faults.filter((fault) => fault.rare).map(({ number }) => number);
  const usual = faults.filter((fault) => !fault.rare).map(({ number }) => number);
  const orderOf = (round: number): number[] => randomFrom(seed, 'round', round).shuffle(usual);
  if (position < faults.length) return orderOf(0).toSpliced(RARE_FROM, 0, ...rare)[position]!;
  // If only rare faults were chosen, they repeat.
  if (usual.length === 0) return rare[position % rare.length]!;
  const later = position - rare.length;
  return orderOf(Math.floor(later / usual.length))[later % usual.length]!;
}

/** Plans the fault at a position. Depends only on its arguments, so a run can start or continue at any position. */
export function planAt(seed: number, position: number, faults: readonly ScheduledFault[]): Plan {
  const number = numberAt(seed, position, faults);
  const { seconds } = faults.find((fault) => fault.number === number)!;
  const random = randomFrom(seed, 'fault', position);
  const gapSeconds = random.int(GAP_SECONDS.from, GAP_SECONDS.to);
  const lasts = 'from' in seconds ? random.int(seconds.from, seconds.to) : random.pick(seconds);
  return { position, number, gapSeconds, seconds: lasts, random };
}
