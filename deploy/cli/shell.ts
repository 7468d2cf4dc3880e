/** Where a command reads its settings and writes its answer. */
export interface Shell {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
  /** Where somebody sits who can be asked; null: a script runs the command. */
  terminal: Terminal | null;
}

/** Ends the command with this exit code; everything that there is to say was said. */
export class ExitCode extends Error {
  constructor(readonly code: number) {
    super(`exit code ${code}`);
    this.name = 'ExitCode';
  }
}

/** A terminal: what is asked and drawn there never mixes with the answer on stdout. */
export interface Terminal {
  /** Answers the line that was typed. */
  ask: (question: string) => Promise<string>;
  screen: NodeJS.WritableStream;
}

/** Whoever reads the answer has had enough of it, as `| head -1` does. */
export class ReaderGoneError extends Error {}
