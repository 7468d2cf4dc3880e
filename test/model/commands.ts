import * as fc from 'fast-check';
import type { OperationKind } from './operations';
import type { AgentType, Preset } from './state';

/**
 * What a probe asks for. Each is a request that needs one scope and, if authorized, does as little as possible;
 * `introspect` is a request with the partner's key.
 */
export const PROBES = [
  'readEvents',
  'resolve',
  'submit',
  'spawn',
  'manage',
  'update',
  'createLink',
  'introspect',
] as const;
export type ProbeKind = (typeof PROBES)[number];

/** A probe of one key at one API. `pick` chooses the key from those that exist when the command runs. */
export interface ProbeCommand {
  what: ProbeKind;
  pick: number;
  api: number;
  /** In a race: the operation whose response the probe waits for. Beyond the last one, the probe starts soon. */
  after: number;
}

/** An operation, which is completed with the agents and keys that exist when the command runs. */
export interface OperationCommand {
  kind: Exclude<OperationKind, 'reject' | 'approve' | 'changePartner'> | 'decide' | 'suspendPartner' | 'changePlan';
  target: number;
  caller: number;
  api: number;
  flag: boolean;
  type: AgentType | null;
  preset: Preset | null;
  patterns: string[] | null;
  depth: number;
}

export type Command =
  | { command: 'change'; change: OperationCommand; probes: ProbeCommand[] }
  | {
      command: 'race';
      changes: OperationCommand[];
      /** Whether the first change stops an agent or its key while that agent makes the other changes. */
      stopsCaller: boolean;
      probes: ProbeCommand[];
      dropCache: boolean;
    }
  | { command: 'probe'; probes: ProbeCommand[] }
  | { command: 'dropCache'; probes: ProbeCommand[] }
  | { command: 'cutRedis' | 'stopWorkers' };

const APIS = 3;
/** Plain objects, which are easier to read in a counterexample. */
const PLAIN = { noNullPrototype: true } as const;
const number = fc.nat({ max: 9_999 });
const api = fc.nat({ max: APIS - 1 });

const probe: fc.Arbitrary<ProbeCommand> = fc.record(
  {
    // Submitted events cost more than all else.
    what: fc.constantFrom(...PROBES, ...PROBES.filter((what) => what !== 'submit')),
    pick: number,
    api,
    after: fc.nat({ max: 4 }),
  },
  PLAIN,
);

/** How often each kind of operation is chosen. Trees must grow faster than kills and revocations remove agents. */
const KINDS: readonly (readonly [OperationCommand['kind'], number])[] = [
  ['spawn', 24],
  ['register', 3],
  ['suspend', 5],
  ['reactivate', 9],
  ['rotate', 6],
  ['narrow', 6],
  ['revoke', 3],
  ['kill', 3],
  ['decide', 7],
  ['policy', 4],
  ['rotatePartner', 1],
  ['suspendPartner', 1],
  ['changePlan', 1],
];

/** Lists that agents request. AI agents may have only the narrow ones, so those are more frequent. */
const LISTS: string[][] = [
  ['mir.*'],
  ['mir.transaction.*'],
  ['mir.review.*', 'mir.transaction.*'],
  ['mir.transaction.*', 'mir.review.posted'],
  ['mir.transaction.completed'],
  ['mir.transaction.completed', 'mir.review.posted'],
];

const change: fc.Arbitrary<OperationCommand> = fc.record(
  {
    kind: fc.oneof(...KINDS.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) }))),
    target: number,
    caller: number,
    api,
    flag: fc.boolean(),
    type: fc.option(fc.constantFrom<AgentType>('SERVICE_ACCOUNT', 'AI_AGENT'), { freq: 2 }),
    preset: fc.option(
      fc.constantFrom<Preset>('ADMIN', 'ADMIN', 'ORCHESTRATOR', 'STANDARD', 'SUBMIT_ONLY', 'READ_ONLY'),
      { freq: 2 },
    ),
    patterns: fc.option(fc.constantFrom(...LISTS), { freq: 2 }),
    depth: fc.integer({ min: 1, max: 6 }),
  },
  PLAIN,
);

const probes = (minLength: number, maxLength: number) => fc.array(probe, { minLength, maxLength, size: 'max' });

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({ command: fc.constant('change' as const), change, probes: probes(4, 8) }, PLAIN),
  },
  {
    weight: 25,
    arbitrary: fc.record(
      {
        command: fc.constant('race' as const),
        changes: fc.array(change, { minLength: 2, maxLength: 3 }),
        stopsCaller: fc.boolean(),
        probes: probes(2, 7),
        dropCache: fc.nat({ max: 3 }).map((n) => n === 0),
      },
      PLAIN,
    ),
  },
  { weight: 25, arbitrary: fc.record({ command: fc.constant('probe' as const), probes: probes(6, 16) }, PLAIN) },
  { weight: 6, arbitrary: fc.record({ command: fc.constant('dropCache' as const), probes: probes(2, 8) }, PLAIN) },
  { weight: 1, arbitrary: fc.constant({ command: 'cutRedis' as const }) },
  { weight: 1, arbitrary: fc.constant({ command: 'stopWorkers' as const }) },
);

/** The longest life of a partner. Its trees are abandoned afterward, which bounds the memory that a run needs. */
const MAX_COMMANDS = 100;

/** What happens to one partner and its agents. */
export const commands: fc.Arbitrary<Command[]> = fc.array(command, {
  minLength: 1,
  maxLength: MAX_COMMANDS,
  size: 'max',
});
