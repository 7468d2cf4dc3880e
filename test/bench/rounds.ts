import type { Figure, Limit } from './result';

/** Runs the two programs in the order A B B A A B …, so that changes in machine load affect both equally. */
export async function alternate(
  rounds: number,
  first: () => Promise<number>,
  second: () => Promise<number>,
): Promise<{ first: number[]; second: number[] }> {
  const values = { first: [] as number[], second: [] as number[] };
  const measure = { first, second };
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (['first', 'second'] as const) : (['second', 'first'] as const);
    for (const side of order) values[side].push(await measure[side]());
  }
  return values;
}

/** What a comparison measures: its unit is that of both programs, whose ratio is the figure. */
export interface Comparison {
  id: string;
  name: string;
  unit: string;
  limit: Limit;
  rounds: number;
  /** Names of the two programs. Defaults to `MIR` and `baseline`. */
  sides?: [string, string];
}

/** Compares MIR with a baseline in alternating rounds. Each value of the figure is the ratio of one round. */
export async function compare(
  { id, name, unit, limit, rounds, sides = ['MIR', 'baseline'] }: Comparison,
  ours: () => Promise<number>,
  baseline: () => Promise<number>,
): Promise<Figure> {
  const { first, second } = await alternate(rounds, ours, baseline);
  return {
    id,
    name,
    unit: 'ratio',
    values: first.map((value, round) => value / second[round]!),
    limit,
    sides: [
      { name: sides[0], unit, values: first },
      { name: sides[1], unit, values: second },
    ],
  };
}
