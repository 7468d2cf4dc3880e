/** The results of two programs, with one result per round. */
export interface Comparison {
  name: string;
  unit: string;
  ours: number[];
  other: number[];
  target: number | null;
}

function sorted(values: number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

export function median(values: number[]): number {
  const s = sorted(values);
  const middle = Math.floor(s.length / 2);
  return s.length % 2 === 1 ? s[middle]! : (s[middle - 1]! + s[middle]!) / 2;
}

/** Runs the two programs in the order A B B A A B …, so that changes in machine load affect both equally. */
export async function compare(
  name: string,
  unit: string,
  target: number | null,
  rounds: number,
  ours: () => Promise<number>,
  other: () => Promise<number>,
): Promise<Comparison> {
  const result: Comparison = { name, unit, ours: [], other: [], target };
  for (let round = 0; round < rounds; round += 1) {
    const sides: ('ours' | 'other')[] = round % 2 === 0 ? ['ours', 'other'] : ['other', 'ours'];
    for (const side of sides) result[side].push(await (side === 'ours' ? ours() : other()));
  }
  return result;
}

/** Formats a comparison: the median ratio, its range, and both medians. */
export function describe({ name, unit, ours, other, target }: Comparison): string {
  const ratios = sorted(ours.map((figure, n) => figure / other[n]!));
  const text = (value: number): string => Math.round(value).toLocaleString('en');
  const goal = target === null ? '' : `  (target ${target})`;
  return (
    `${name}\n    ratio ${median(ratios).toFixed(2)} [${ratios[0]!.toFixed(2)}–${ratios.at(-1)!.toFixed(2)}]${goal}` +
    `   ours ${text(median(ours))} ${unit}, other ${text(median(other))} ${unit}, ${ours.length} rounds`
  );
}
