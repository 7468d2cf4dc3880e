import { writeFileSync } from 'node:fs';
import { FAULTS } from './faults/table';
import { readOptions } from './options';
import { resultText } from './report';
import { runFaults } from './run';
import { newState, readState, type RunState } from './state-file';

function log(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
}

async function main(): Promise<number> {
  const numbers = FAULTS.map(({ number }) => number);
  const options = readOptions(numbers, process.argv.slice(2));
  const state: RunState = options.resume ? readState(options.stateFile!) : newState(options);
  const { seed, only } = state;
  const faults = only === null ? FAULTS : FAULTS.filter(({ number }) => only.includes(number));
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log('Stopping after the current fault and its checkpoint.');
      stopping.abort();
    });
  }
  log(`seed ${seed}, from position ${state.position}`);
  await runFaults({ options, faults, state, log, stopping: stopping.signal });
  console.log(resultText(faults, state));
  if (options.jsonFile !== null) writeFileSync(options.jsonFile, `${JSON.stringify(state, null, 2)}\n`);
  if (state.violations.length > 0) {
    console.log(
      `Repeat with: npm run test:faults -- --seed ${seed}${only ? ` --only ${only.join(',')}` : ''}${options.cluster ? ' --cluster' : ''}`,
    );
  }
  return state.violations.length === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
