import type { OperationKind } from './operations';

/** Counts what a run did, to show that it exercised the product. */
export interface Tally {
  operation(kind: OperationKind, code: string): void;
  probe(outcome: string): void;
  /** Counts a response after which a request is repeated. */
  repeated(code: string): void;
  /** Operations and probes. */
  steps(): number;
  /** Returns the share of the probes with this outcome. `PASS` includes all probes that passed. */
  share(outcome: string): number;
  /** Returns the kinds of operations that never succeeded. */
  neverSucceeded(): string[];
  lines(): string[];
}

const KINDS: Record<OperationKind, true> = {
  register: true,
  spawn: true,
  suspend: true,
  reactivate: true,
  rotate: true,
  narrow: true,
  revoke: true,
  kill: true,
  approve: true,
  reject: true,
  policy: true,
  rotatePartner: true,
  changePartner: true,
};

export function createTally(): Tally {
  const operations = new Map<string, Map<string, number>>(Object.keys(KINDS).map((kind) => [kind, new Map()]));
  const probes = new Map<string, number>();
  const repeated = new Map<string, number>();
  const add = (map: Map<string, number>, name: string): void => void map.set(name, (map.get(name) ?? 0) + 1);
  const sum = (map: ReadonlyMap<string, number>): number => [...map.values()].reduce((all, n) => all + n, 0);
  const text = (map: ReadonlyMap<string, number>): string =>
    [...map]
      .sort(([, a], [, b]) => b - a)
      .map(([name, n]) => `${name} ${n}`)
      .join(', ');

  return {
    operation: (kind, code) => add(operations.get(kind)!, code),
    probe: (outcome) => add(probes, outcome.split(' ')[0]!),
    repeated: (code) => add(repeated, code),
    steps: () => [...operations.values()].reduce((all, codes) => all + sum(codes), sum(probes)),
    share: (outcome) => (probes.get(outcome) ?? 0) / sum(probes),
    neverSucceeded: () => [...operations].filter(([, codes]) => !codes.has('OK')).map(([kind]) => kind),
    lines: () => [
      ...[...operations].map(([kind, codes]) => `${kind.padEnd(14)}${text(codes)}`),
      `${'probes'.padEnd(14)}${text(probes)}`,
      `${'repeated'.padEnd(14)}${text(repeated) || 'none'}`,
    ],
  };
}
