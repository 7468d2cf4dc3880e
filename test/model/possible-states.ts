import { admit, apply, type Operation, type Reply } from './operations';
import { type ModelState, stateKey } from './state';

/** When a request was sent and when its response arrived, on a logical clock. */
interface Interval {
  sentAt: number;
  answeredAt: number;
}

/** A completed operation. `failedAttempts` counts earlier attempts, each of which may or may not have been applied. */
export interface CompletedOperation extends Interval {
  op: Operation;
  reply: Reply;
  failedAttempts: number;
}

/** A completed observation, such as a probe of a key. `matches` returns whether the observation fits a state. */
export interface Observation extends Interval {
  matches: (state: ModelState) => boolean;
}

/** A point in time at which an operation reads or changes the state. */
interface Step extends Interval {
  optional: boolean;
  /** The step of the same operation that comes before this one. */
  previous?: Step;
  /** Returns the states that this step can lead to. `ends` means that the operation has no further steps. */
  run: (state: ModelState) => { state: ModelState; ends?: boolean }[];
}

const MAX_TRACKED_ATTEMPTS = 2;
const LOST_REPLY: Omit<Reply, 'code'> = { key: null, approvalId: null };

/**
 * Splits an operation into its steps. The product authorizes a request first, and changes the state later, in a
 * transaction that only checks again whether the caller has been stopped. `isStrict` is false after an attempt failed:
 * until a retry succeeds, an operation may be in effect in the database, but not yet for every caller.
 */
function stepsOf({ op, reply, failedAttempts, ...interval }: CompletedOperation, isStrict: boolean): Step[] {
  const admission: Step = {
    ...interval,
    optional: false,
    run: (state) => {
      const code = admit(state, op);
      if (code === reply.code) return [{ state, ends: true }, ...(isStrict ? [] : [{ state }])];
      return code === null || !isStrict ? [{ state }] : [];
    },
  };
  const effect: Step = {
    ...interval,
    optional: false,
    previous: admission,
    run: (state) => {
      const applied = apply(state, op, reply);
      return applied.code === reply.code ? [{ state: applied.state }] : [];
    },
  };
  const lost: Step = {
    ...interval,
    optional: true,
    run: (state) => {
      const applied = apply(state, op, { ...LOST_REPLY, code: 'OK' });
      return applied.state === state ? [] : [{ state: applied.state }];
    },
  };
  const attempts = Math.min(failedAttempts, MAX_TRACKED_ATTEMPTS);
  return [admission, effect, ...Array.from({ length: attempts }, () => ({ ...lost }))];
}

/** The state after some steps and observations, as bits. */
interface Progress {
  steps: number;
  observed: number;
  state: ModelState;
}

const bitsOf = <T>(all: readonly T[], isSet: (one: T) => boolean): number =>
  all.reduce((bits, one, n) => (isSet(one) ? bits | (1 << n) : bits), 0);
const contains = (bits: number, required: number): boolean => (bits & required) === required;

/**
 * Returns every state that can result from operations and observations that ran at the same time: there must be an
 * order of all their steps in which each response is the model's response, and in which a request that was sent after
 * another one was answered comes later. An empty result means that the product did something that the model forbids.
 */
export function possibleStates(
  before: readonly ModelState[],
  operations: readonly CompletedOperation[],
  observations: readonly Observation[],
): ModelState[] {
  const isStrict = operations.every(({ failedAttempts }) => failedAttempts === 0);
  const steps = operations.flatMap((operation) => stepsOf(operation, isStrict));
  const seen = isStrict ? observations : [];
  const earlier = ({ sentAt }: Interval) => ({
    steps: bitsOf(steps, (other) => !other.optional && other.answeredAt < sentAt),
    observed: bitsOf(seen, (other) => other.answeredAt < sentAt),
  });
  const beforeStep = steps.map((step) => {
    const { steps: others, observed } = earlier(step);
    return { steps: others | bitsOf(steps, (other) => other === step.previous), observed };
  });
  const beforeObservation = seen.map(earlier);
  const required = { steps: bitsOf(steps, ({ optional }) => !optional), observed: bitsOf(seen, () => true) };

  /** Makes every observation that is possible now. Observations change nothing, so an earlier one is never worse. */
  const observe = ({ steps: done, observed: first, state }: Progress): Progress => {
    let observed = first;
    for (let last = -1; last !== observed;) {
      last = observed;
      seen.forEach(({ matches }, n) => {
        const { steps: afterSteps, observed: afterObserved } = beforeObservation[n]!;
        const isNext = !contains(observed, 1 << n) && contains(done, afterSteps) && contains(observed, afterObserved);
        if (isNext && matches(state)) observed |= 1 << n;
      });
    }
    return { steps: done, observed, state };
  };

  const results = new Map<string, ModelState>();
  const visited = new Set<string>();
  const open: Progress[] = before.map((state) => ({ steps: 0, observed: 0, state }));
  for (let next = open.pop(); next; next = open.pop()) {
    const progress = observe(next);
    const { steps: done, observed, state } = progress;
    const key = stateKey(state);
    const id = `${done} ${observed} ${key}`;
    if (visited.has(id)) continue;
    visited.add(id);
    if (contains(done, required.steps) && contains(observed, required.observed)) results.set(key, state);
    steps.forEach(({ run }, n) => {
      if (contains(done, 1 << n)) return;
      if (!contains(done, beforeStep[n]!.steps) || !contains(observed, beforeStep[n]!.observed)) return;
      for (const { state: reached, ends } of run(state)) {
        const effect = ends ? bitsOf(steps, ({ previous }) => previous === steps[n]) : 0;
        open.push({ steps: done | (1 << n) | effect, observed, state: reached });
      }
    });
  }
  return [...results.values()];
}
