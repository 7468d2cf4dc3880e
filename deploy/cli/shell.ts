/** A command's environment and output streams. */
export interface Shell {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
  /** null when a script runs the command. */
  terminal: Terminal | null;
}

/** Ends the command with this exit code and prints nothing more. */
export class ExitCode extends Error {
  constructor(readonly code: number) {
    super(`exit code ${code}`);
    this.name = 'ExitCode';
  }
}

/** An interactive terminal on stdin and stderr, so that prompts never mix with output on stdout. */
export interface Terminal {
  /** Prompts and returns the line that was typed. */
  ask: (question: string) => Promise<string>;
  screen: NodeJS.WritableStream;
}

/** The reader of stdout closed the pipe, as `| head -1` does. */
export class ReaderGoneError extends Error {}
