/** A command's environment and output streams. */
export interface Shell {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
  /** Reads all of stdin. Rejects if it is longer than a value that a command asks for can be. */
  stdin: () => Promise<string>;
  /** Returns stdin of any length, piece by piece. */
  stdinChunks: () => AsyncIterable<string>;
  /** null if the command does not run in a terminal. */
  terminal: Terminal | null;
}

/** Thrown to end the command with this exit code and no further output. */
export class ExitCode extends Error {
  constructor(readonly code: number) {
    super(`exit code ${code}`);
    this.name = 'ExitCode';
  }
}

/** An interactive terminal on stdin and stderr. It does not use stdout, so prompts never mix with output. */
export interface Terminal {
  /** Prints a prompt and returns the line that the user types. */
  ask: (question: string) => Promise<string>;
  screen: NodeJS.WritableStream;
}

/** Thrown when the reader of stdout has closed the pipe, as `| head -1` does. */
export class ReaderGoneError extends Error {}
