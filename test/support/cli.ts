import { PassThrough, Readable } from 'node:stream';
import type { Terminal } from '../../deploy/cli/shell';
import { runCli } from '../../deploy/cli/run';

/** The result of a command. */
export interface CliResult {
  code: number;
  out: string;
  err: string;
  /** Parses `out` as JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read output as scripts do, without our types
  json(): any;
}

/** Runs the CLI in this process, without a terminal. */
export async function cli(env: Record<string, string | undefined>, ...args: string[]): Promise<CliResult> {
  return cliAt(null, env, ...args);
}

/** Runs the CLI in this process, either on the given terminal or without one. */
export async function cliAt(
  terminal: Terminal | null,
  env: Record<string, string | undefined>,
  ...args: string[]
): Promise<CliResult> {
  return run({ terminal, stdin: '' }, env, args);
}

/** Runs the CLI in this process, without a terminal, and with this text on stdin. */
export async function cliReading(
  stdin: string,
  env: Record<string, string | undefined>,
  ...args: string[]
): Promise<CliResult> {
  return run({ terminal: null, stdin }, env, args);
}

async function run(
  { terminal, stdin }: { terminal: Terminal | null; stdin: string },
  env: Record<string, string | undefined>,
  args: string[],
): Promise<CliResult> {
  const output = { out: '', err: '' };
  const code = await runCli(args, {
    env,
    out: (text) => void (output.out += text),
    err: (text) => void (output.err += text),
    stdin: () => Promise.resolve(stdin),
    stdinChunks: () => Readable.from([stdin]),
    terminal,
  });
  return { code, ...output, json: () => JSON.parse(output.out) as unknown };
}

/** Returns a terminal in which the operator types these lines, one per question. The last one is repeated. */
export function typing(...lines: string[]): Terminal & { questions: string[] } {
  const questions: string[] = [];
  return {
    questions,
    screen: Object.assign(new PassThrough(), { isTTY: true }),
    ask: (question) => {
      questions.push(question);
      return Promise.resolve(lines[questions.length - 1] ?? lines.at(-1)!);
    },
  };
}
