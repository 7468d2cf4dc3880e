import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const seconds = z.number().nullable();

const faultRecord = z.object({
  number: z.number().int(),
  position: z.number().int(),
  seconds: z.number(),
  /** Seconds from the end of the fault until every API process accepted an event, and until events were fresh. */
  acceptedAfter: seconds,
  freshAfter: seconds,
  /** What the fault observed, for example at which attempt it hit the intended moment. */
  notes: z.array(z.string()),
  /** True if the fault did not hit what it aims at. */
  missed: z.boolean().default(false),
});
export type FaultRecord = z.infer<typeof faultRecord>;

const totals = z.object({
  acknowledged: z.number().int(),
  requests: z.number().int(),
  retries: z.number().int(),
  uncertain: z.number().int(),
  reads: z.number().int(),
  receipts: z.number().int(),
  users: z.number().int(),
  auditEntries: z.number().int(),
  checkpoints: z.number().int(),
  lostWithinBounds: z.number().int(),
  minutes: z.number(),
});
export type Totals = z.infer<typeof totals>;

const runState = z.object({
  seed: z.number().int(),
  only: z.array(z.number().int()).nullable(),
  /** Position of the next fault. */
  position: z.number().int(),
  /** The number of runs that this state comprises. */
  runs: z.number().int(),
  faults: z.array(faultRecord),
  totals,
  violations: z.array(z.string()),
});
export type RunState = z.infer<typeof runState>;

export const NO_TOTALS: Totals = {
  acknowledged: 0,
  requests: 0,
  retries: 0,
  uncertain: 0,
  reads: 0,
  receipts: 0,
  users: 0,
  auditEntries: 0,
  checkpoints: 0,
  lostWithinBounds: 0,
  minutes: 0,
};

export function newState({ seed, only, from }: { seed: number; only: number[] | null; from: number }): RunState {
  return { seed, only, position: from, runs: 0, faults: [], totals: { ...NO_TOTALS }, violations: [] };
}

export function readState(file: string): RunState {
  return runState.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** Writes the state. Replaces the file in one step, so that a killed run leaves a complete file. */
export function writeState(file: string, state: RunState): void {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(`${file}.tmp`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
}

/** Adds what one part of a run counted. */
export function addTotals(to: Totals, counted: Partial<Totals>): void {
  for (const [name, value] of Object.entries(counted)) to[name as keyof Totals] += value;
}
