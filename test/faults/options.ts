import { Command, InvalidArgumentError, Option } from 'commander';
import { SETTINGS } from '../../shared/config/settings';

const DEFAULT_MINUTES = 10;
const DEFAULT_EVENTS_PER_SECOND = 2_500;
const MAX_SEED = 2 ** 31;

export interface FaultOptions {
  seed: number;
  /** The run ends when it reaches one of the limits that are set. */
  minutes: number | null;
  /** Acknowledged events, including those of the run that is continued. */
  events: number | null;
  /** Faults, including those of the run that is continued. */
  faults: number | null;
  /** Numbers of the faults. Null runs all of them. */
  only: number[] | null;
  /** The first position in the schedule. */
  from: number;
  /** Submitted events per second, at most. */
  rate: number;
  durability: string;
  /** Whether the queue Redis is a Redis Cluster. */
  cluster: boolean;
  /** Where the run writes its state. Null writes none. */
  stateFile: string | null;
  /** Whether the run continues the one in the state file. */
  resume: boolean;
  jsonFile: string | null;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a positive number.');
  return value;
}

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number from 0 on.');
  return value;
}

/** Reads the command line. Prints help and exits on `--help` or an invalid option. */
export function readOptions(numbers: readonly number[], argv: readonly string[]): FaultOptions {
  const chosen = (text: string): number[] => {
    const only = text.split(',').map(Number);
    if (only.some((one) => !numbers.includes(one))) {
      throw new InvalidArgumentError(`Choose from ${Math.min(...numbers)} to ${Math.max(...numbers)}.`);
    }
    return only;
  };
  const durabilities = SETTINGS.QUEUE_DURABILITY.schema.unwrap().options;
  const command = new Command('npm run test:faults --')
    .description('Breaks a running system on purpose and checks that it loses and doubles nothing.')
    .option('--seed <number>', 'repeat the schedule and the traffic of an earlier run', integer)
    .option(
      '--minutes <number>',
      `stop after this time (default: ${DEFAULT_MINUTES}, unless another limit is set)`,
      positive,
    )
    .option('--events <number>', 'stop after this many acknowledged events', positive)
    .option('--faults <number>', 'stop after this many faults', positive)
    .option('--only <numbers>', 'run only these faults, for example 3,7', chosen)
    .option('--from <position>', 'start at this position of the schedule', integer, 0)
    .option('--rate <number>', 'submit at most this many events per second', positive, DEFAULT_EVENTS_PER_SECOND)
    .addOption(new Option('--durability <mode>', 'QUEUE_DURABILITY').choices(durabilities).default(durabilities[0]))
    .option('--cluster', 'use a Redis Cluster of three primaries and three replicas', false)
    .option('--state <file>', 'write the state of the run to this file')
    .option('--resume <file>', 'continue the run whose state is in this file')
    .option('--json <file>', 'write the result to this file');
  command.parse(['node', 'faults', ...argv]);
  const { state, resume, json, ...options } = command.opts<{
    seed?: number;
    minutes?: number;
    events?: number;
    faults?: number;
    only?: number[];
    from: number;
    rate: number;
    durability: string;
    cluster: boolean;
    state?: string;
    resume?: string;
    json?: string;
  }>();
  const { minutes, events, faults } = options;
  const isLimited = (minutes ?? events ?? faults) !== undefined;
  return {
    seed: options.seed ?? Math.floor(Math.random() * MAX_SEED),
    minutes: minutes ?? (isLimited ? null : DEFAULT_MINUTES),
    events: events ?? null,
    faults: faults ?? null,
    only: options.only ?? null,
    from: options.from,
    rate: options.rate,
    durability: options.durability,
    cluster: options.cluster,
    stateFile: resume ?? state ?? null,
    resume: resume !== undefined,
    jsonFile: json ?? null,
  };
}
