import type { Terminal } from '../../deploy/cli/shell';
import { runCli } from '../../deploy/cli/run';

/** What a command line answered. */
export interface CliAnswer {
  code: number;
  out: string;
  err: string;
  /** `out` as JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read answers as their users do: without our types
  json(): any;
}

/** Runs the CLI in process with the given environment, as a script does. */
export async function cli(env: Record<string, string | undefined>, ...args: string[]): Promise<CliAnswer> {
  return cliAt(null, env, ...args);
}

/** The same with somebody at a terminal. */
export async function cliAt(
  terminal: Terminal | null,
  env: Record<string, string | undefined>,
  ...args: string[]
): Promise<CliAnswer> {
  const said = { out: '', err: '' };
  const code = await runCli(args, {
    env,
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
    terminal,
  });
  return { code, ...said, json: () => JSON.parse(said.out) as unknown };
}
