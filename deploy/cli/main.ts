#!/usr/bin/env node
import { createInterface } from 'node:readline/promises';
import { runCli } from './run';
import { ReaderGoneError, type Terminal } from './shell';

/** Somebody sits there only if both what is asked and what is typed goes through a terminal. */
function terminal(): Terminal | null {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) return null;
  return {
    screen: stderr,
    ask: async (question) => {
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        return await lines.question(question);
      } finally {
        lines.close();
      }
    },
  };
}

// Whoever reads our output may have had enough (`| head -1`): nothing to report, and nothing more to write.
let readerGone = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (stream === process.stdout) readerGone = true;
  });
}

void runCli(process.argv.slice(2), {
  env: { ...process.env },
  out: (text) => {
    if (readerGone) throw new ReaderGoneError();
    process.stdout.write(text);
  },
  err: (text) => process.stderr.write(text),
  terminal: terminal(),
}).then((code) => {
  // What is written to a pipe must be out before the process ends.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
});
