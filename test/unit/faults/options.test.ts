import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { FAULTS } from '../../faults/faults/table';
import { readOptions } from '../../faults/options';
import { resultText } from '../../faults/report';
import { addTotals, newState, readState, writeState } from '../../faults/state-file';

const NUMBERS = FAULTS.map(({ number }) => number);

describe('the options of test:faults', () => {
  it('runs all faults for 10 minutes with a random seed by default', () => {
    const first = readOptions(NUMBERS, []);
    expect(first).toMatchObject({ minutes: 10, events: null, faults: null, only: null, from: 0, stateFile: null });
    expect(first.seed).not.toBe(readOptions(NUMBERS, []).seed);
  });

  it('has no time limit if another limit is set', () => {
    expect(readOptions(NUMBERS, ['--faults', '20']).minutes).toBeNull();
    expect(readOptions(NUMBERS, ['--events', '5000', '--minutes', '3'])).toMatchObject({ events: 5_000, minutes: 3 });
  });

  it('reads the seed, the chosen faults and the file to continue from', () => {
    const options = readOptions(NUMBERS, ['--seed', '7', '--only', '3,7', '--resume', 'state.json']);
    expect(options).toMatchObject({ seed: 7, only: [3, 7], stateFile: 'state.json', resume: true });
  });
});

describe('the table of faults', () => {
  it('numbers the faults from 1 on, without gaps', () => {
    expect(NUMBERS).toEqual(Array.from({ length: NUMBERS.length }, (_, n) => n + 1));
  });
});

describe('the state of a run', () => {
  it('adds up over the runs that continue it, and appears in the result', () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'mir-faults-test-')), 'state.json');
    const state = newState({ seed: 7, only: null, from: 0 });
    const record = { number: 3, position: 0, seconds: 0, acceptedAfter: 2, freshAfter: 4, notes: [], missed: false };
    state.faults.push({ ...record, missed: true });
    for (const freshAfter of [4, 6]) {
      const current = state.runs === 0 ? state : readState(file);
      current.runs += 1;
      current.position += 1;
      current.faults.push({ ...record, freshAfter });
      addTotals(current.totals, { acknowledged: 1_000, minutes: 1.5 });
      writeState(file, current);
    }
    const continued = readState(file);
    expect(continued).toMatchObject({ seed: 7, position: 2, runs: 2, totals: { acknowledged: 2_000, minutes: 3 } });
    const text = resultText(FAULTS, continued);
    expect(text).toContain('seed 7: 2000 acknowledged events, 2 faults, 3.0 minutes in 2 runs');
    expect(text).toMatch(/3 +│ worker killed +│ 2 +│ 1 +│ 2\.0 \/ 2\.0 +│ 6\.0 \/ 6\.0/);
    expect(text).toContain('no violations');
  });
});
