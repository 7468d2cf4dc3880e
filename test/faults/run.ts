import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../shared/errors';
import { recount, runCheckpoint, type StoredTotal } from './checkpoint';
import { diagnose } from './diagnosis';
import { type FaultEnvironment, openFaultEnvironment } from './environment';
import type { Fault } from './faults/fault';
import { DISK_FAULTS } from './faults/table';
import type { FaultOptions } from './options';
import { type Recovery, untilRecovered } from './probe';
import { type Plan, planAt } from './schedule';
import { addTotals, type FaultRecord, type RunState, writeState } from './state-file';
import { startTraffic, type Traffic } from './traffic/traffic';
import { createTransport, type Transport } from './traffic/transport';

/** A chapter ends at either limit, which bounds the clients' memory and the final comparison. */
const FAULTS_PER_CHAPTER = 8;
const EVENTS_PER_CHAPTER = 600_000;
/** Traffic after the last fault of a chapter, and the time between checks of its length. */
const LAST_SECONDS = 2;

/** Violations that are recorded. One cause can affect every user. */
const MAX_VIOLATIONS = 300;

interface Run {
  options: FaultOptions;
  faults: readonly Fault[];
  state: RunState;
  log: (line: string) => void;
  /** Aborted when the user stops the run. The current chapter is still checked. */
  stopping: AbortSignal;
}

interface Chapter extends Run {
  environment: FaultEnvironment;
  transport: Transport;
  traffic: Traffic;
  report: (violation: string) => void;
}

const seconds = (value: number): string => `${value.toFixed(1)} s`;

/** Runs one fault and measures how MIR recovers from it. */
async function runFault(chapter: Chapter, fault: Fault, plan: Plan): Promise<void> {
  const { environment, transport, traffic, report, log, state } = chapter;
  await delay(plan.gapSeconds * 1_000);
  const notes: string[] = [];
  const cleanUps: (() => Promise<void>)[] = [];
  let endedAt: number | null = null;
  let isMissed = false;
  log(`#${plan.position} fault ${fault.number}: ${fault.name}${plan.seconds > 0 ? `, ${plan.seconds} s` : ''}`);
  await fault.run({
    environment,
    traffic,
    transport,
    seconds: plan.seconds,
    random: plan.random,
    hold: (holdSeconds = plan.seconds) => delay(holdSeconds * 1_000),
    ended: () => {
      endedAt ??= performance.now();
    },
    afterRecovery: (work) => void cleanUps.push(work),
    note: (text) => void notes.push(text),
    missed: (text) => {
      isMissed = true;
      notes.push(`MISSED: ${text}`);
    },
    report,
  });
  const recovery: Recovery = await untilRecovered(chapter, endedAt ?? performance.now());
  for (const cleanUp of cleanUps) await cleanUp();
  const { acceptedAfter, freshAfter } = recovery;
  const record: FaultRecord = {
    number: fault.number,
    position: plan.position,
    seconds: plan.seconds,
    acceptedAfter,
    freshAfter,
    notes,
    missed: isMissed,
  };
  state.faults.push(record);
  log(
    `   accepts after ${seconds(acceptedAfter)}, fresh after ${seconds(freshAfter)}${notes.map((note) => `; ${note}`).join('')}`,
  );
}

/** Returns whether the run has reached one of its limits. `pending` events are not checked yet. */
function isOver({ options, state, stopping }: Run, startedAt: number, pending: number): boolean {
  const { minutes, events, faults } = options;
  if (stopping.aborted) return true;
  if (minutes !== null && performance.now() - startedAt >= minutes * 60_000) return true;
  const reachedEvents = events === null || state.totals.acknowledged + pending >= events;
  const reachedFaults = faults === null || state.faults.length >= faults;
  // With both limits, the run continues until it has reached both.
  return (events !== null || faults !== null) && reachedEvents && reachedFaults;
}

/** Runs faults until the chapter or the run is over, and then the checkpoint. */
async function runChapter(chapter: Chapter, available: readonly Fault[], startedAt: number): Promise<StoredTotal[]> {
  const { options, state, traffic, log, report } = chapter;
  const pending = (): number => traffic.oracle.counted.acknowledged;
  const hasFaultsLeft = (): boolean => options.faults === null || state.faults.length < options.faults;
  let chapterFaults = 0;
  while (chapterFaults < FAULTS_PER_CHAPTER && pending() < EVENTS_PER_CHAPTER) {
    if (isOver(chapter, startedAt, pending())) break;
    if (!hasFaultsLeft()) {
      await delay(LAST_SECONDS * 1_000);
      continue;
    }
    const plan = planAt(state.seed, state.position, available);
    await runFault(
      chapter,
      available.find(({ number }) => number === plan.number)!,
      plan,
    );
    chapterFaults += 1;
    state.position += 1;
    save(chapter);
  }
  await delay(LAST_SECONDS * 1_000);
  const { counted } = traffic.oracle;
  log(`checkpoint after ${counted.acknowledged} acknowledged events`);
  const before = state.violations.length;
  const totals = await runCheckpoint({ ...chapter, report });
  const found = state.violations.length - before;
  log(
    `   ${found === 0 ? 'everything matches' : `${found} violations`}: ${counted.users} users, ${counted.reads} reads, ${counted.receipts} receipts`,
  );
  addTotals(state.totals, counted);
  return totals;
}

function save({ options, state }: Run): void {
  if (options.stateFile !== null) writeState(options.stateFile, state);
}

/** Runs faults under traffic until a limit of the options is reached. The state receives what happened. */
export async function runFaults(run: Run): Promise<void> {
  const { options, faults, state, log } = run;
  const startedAt = performance.now();
  state.runs += 1;
  const startPosition = state.position;
  const report = (violation: string): void => {
    if (state.violations.length === MAX_VIOLATIONS) return;
    const text = `seed ${state.seed}, position ${state.position}: ${violation}`;
    state.violations.push(text);
    log(`VIOLATION ${text}`);
  };
  const environment = await openFaultEnvironment({
    durability: options.durability,
    onCluster: options.cluster,
    disks: faults.some(({ number }) => DISK_FAULTS.has(number)),
    onExit: report,
  });
  const transport = createTransport(environment.apis);
  const abandoned = new AbortController();
  const available = faults.filter(({ number, name, unavailable }) => {
    const reason = unavailable?.(environment) ?? null;
    if (reason !== null) log(`Leaves out fault ${number} (${name}): ${reason}.`);
    return reason === null;
  });
  const totals: StoredTotal[] = [];
  try {
    for (let n = 0; !isOver(run, startedAt, 0); n += 1) {
      const before = state.violations.length;
      const traffic = await startTraffic({
        environment,
        transport,
        seed: state.seed,
        chapter: `${startPosition}-${n}`,
        rate: options.rate,
        report,
        abandoned: abandoned.signal,
      });
      totals.push(...(await runChapter({ ...run, environment, transport, traffic, report }, available, startedAt)));
      save(run);
      if (state.violations.length > before) log(await diagnose(environment));
    }
    await recount({ environment, report }, totals);
  } catch (error) {
    report(messageOf(error));
    log(await diagnose(environment));
    abandoned.abort();
  } finally {
    state.totals.minutes += (performance.now() - startedAt) / 60_000;
    save(run);
    transport.close();
    await environment.close();
  }
}
