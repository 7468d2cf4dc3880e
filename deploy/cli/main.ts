#!/usr/bin/env node
import { createInterface } from 'node:readline/promises';
import { runCli } from './run';
import { ReaderGoneError, type Terminal } from './shell';

/** Returns the terminal, or null if stdin or stderr is not a terminal. */
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

/** Values that commands ask for are one line. */
const MAX_STDIN_BYTES = 64 * 1024;

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_STDIN_BYTES) throw new Error(`standard input is longer than ${MAX_STDIN_BYTES} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

// It is not an error if a reader such as `| head -1` closes the pipe early.
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
  stdin: readStdin,
  stdinChunks: () => process.stdin.setEncoding('utf8') as AsyncIterable<string>,
  terminal: terminal(),
}).then((code) => {
  // Writes to a pipe are asynchronous, so wait for them before exiting.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
});
