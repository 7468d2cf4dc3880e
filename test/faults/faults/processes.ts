import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '../../support/wait-until';
import type { Supervised } from '../supervised';
import type { FaultEnvironment } from '../environment';
import type { Fault, Stage } from './fault';
import { activeChunks } from './active-chunks';

const AT_ONCE = [0];
/** How often the poison job kills the workers. */
const KILLS = 3;
/** Jobs that are tried until one is active in every kill. */
const ATTEMPTS = 5;
/** Locks of a dead worker's jobs expire after 15 s, and are checked every 5 s. */
const REDELIVERED_WITHIN_MS = 45_000;
/** `DRAIN_TIMEOUT_MS` of a process and a margin. */
const STOPPED_WITHIN_MS = 30_000;

async function killAndRestart({ ended }: Stage, process: Supervised): Promise<void> {
  await process.kill9();
  ended();
  await process.start();
}

async function freezeAndThaw({ hold }: Stage, process: Supervised): Promise<void> {
  process.freeze();
  await hold();
  process.thaw();
}

async function killWorkers({ workers }: FaultEnvironment): Promise<void> {
  await Promise.all(workers.map((worker) => worker.kill9()));
}

/** Kills both workers whenever one job is active, as a job would that crashes the process. */
async function killWithOneJob({ environment, missed, ended }: Stage): Promise<void> {
  const { workers, view } = environment;
  const firstActive = async (): Promise<string> => {
    let poison: string | undefined;
    await waitUntil('a job is active', async () => {
      [poison] = await activeChunks(environment);
      return poison !== undefined;
    });
    return poison!;
  };
  /** Returns false if the job was completed. */
  const isActiveAgain = async (poison: string): Promise<boolean> => {
    let exists = true;
    await waitUntil(
      'the job is active again',
      async () => {
        exists = (await view.queue.getJob(poison)) !== undefined;
        return !exists || (await activeChunks(environment)).includes(poison);
      },
      REDELIVERED_WITHIN_MS,
    );
    return exists;
  };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const poison = await firstActive();
    for (let kills = 1; ; kills += 1) {
      await killWorkers(environment);
      if (kills === KILLS) ended();
      await Promise.all(workers.map((worker) => worker.start()));
      if (kills === KILLS) return;
      // A worker may have completed the job just before the kill.
      if (!(await isActiveAgain(poison))) break;
    }
  }
  missed(`no job was active in ${KILLS} kills`);
}

async function restartEach({ environment, random, report }: Stage): Promise<void> {
  for (const process of random.shuffle(environment.processes)) {
    const stopping = process.stop();
    const exit = await Promise.race([stopping, delay(STOPPED_WITHIN_MS, null)]);
    if (exit === null) report(`${process.name} did not stop within ${STOPPED_WITHIN_MS / 1_000} s of SIGTERM`);
    else if (exit.code !== 0) report(`${process.name} ended with ${exit.code ?? exit.signal} after SIGTERM`);
    await process.start();
  }
}

export const PROCESS_FAULTS: Fault[] = [
  {
    number: 1,
    name: 'API killed',
    does: 'kill -9 of an API process under traffic, then a restart',
    invariant: 'every 202 that a client received is stored',
    seconds: AT_ONCE,
    run: (stage) => killAndRestart(stage, stage.random.pick(stage.environment.apis)),
  },
  {
    number: 2,
    name: 'API frozen',
    does: 'SIGSTOP of an API process for 1–30 s, then SIGCONT',
    invariant: 'requests that it resumes change nothing twice',
    seconds: { from: 1, to: 30 },
    run: (stage) => freezeAndThaw(stage, stage.random.pick(stage.environment.apis)),
  },
  {
    number: 3,
    name: 'worker killed',
    does: 'kill -9 of a worker process under traffic, then a restart',
    invariant: 'its jobs are taken over and stored once',
    seconds: AT_ONCE,
    run: (stage) => killAndRestart(stage, stage.random.pick(stage.environment.workers)),
  },
  {
    number: 4,
    name: 'worker frozen',
    does: 'SIGSTOP of a worker process for 1–30 s, then SIGCONT; its locks expire after 15 s',
    invariant: 'its late commits and cache writes change nothing',
    seconds: { from: 1, to: 30 },
    run: (stage) => freezeAndThaw(stage, stage.random.pick(stage.environment.workers)),
  },
  {
    number: 11,
    name: 'poison job',
    does: `kill -9 of all workers whenever one job is active, ${KILLS} times`,
    invariant: 'the job is not given up, and its events are stored once',
    seconds: AT_ONCE,
    run: killWithOneJob,
  },
  {
    number: 27,
    name: 'rolling restart',
    does: 'SIGTERM of each process in turn under traffic, then a restart',
    invariant: 'each process drains and exits with code 0 within 30 s',
    seconds: AT_ONCE,
    run: restartEach,
  },
];
