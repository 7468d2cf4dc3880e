import type { FaultEnvironment } from '../environment';
import type { Random } from '../random';
import type { ScheduledFault } from '../schedule';
import type { Traffic } from '../traffic/traffic';
import type { Transport } from '../traffic/transport';

/** What a running fault can use. */
export interface Stage {
  environment: FaultEnvironment;
  traffic: Traffic;
  transport: Transport;
  /** How long the fault lasts. */
  seconds: number;
  random: Random;
  /** Lets the traffic continue for a while, by default for as long as the fault lasts. */
  hold: (seconds?: number) => Promise<void>;
  /** Marks the end of the fault, from which recovery is measured. By default, that is when `run` resolves. */
  ended: () => void;
  /** Runs once MIR has recovered. */
  afterRecovery: (work: () => Promise<void>) => void;
  note: (text: string) => void;
  /** Records that the fault did not hit what it aims at. It then does not count as having occurred. */
  missed: (text: string) => void;
  report: (violation: string) => void;
}

export interface Fault extends ScheduledFault {
  name: string;
  does: string;
  /** What must hold in addition to the invariant of all faults: nothing lost, nothing doubled, consistent reads. */
  invariant: string;
  /** Returns why the fault cannot run on this machine, or null. */
  unavailable?: (environment: FaultEnvironment) => string | null;
  run(stage: Stage): Promise<void>;
}
