import type { Command } from 'commander';
import type { Shell } from './shell';

const withoutLineEnd = (text: string): string => text.replace(/\r?\n$/, '');

/**
 * Asks for a value that must not be on the command line, because other users of the machine can see command lines and
 * shells record them. Without a terminal, reads the value as the only line of stdin. Ends the command with a usage error
 * if there is none. `what` names the value, as in "the email address".
 */
export async function readValue(shell: Shell, command: Command, what: string): Promise<string> {
  if (shell.terminal) {
    const typed = withoutLineEnd(await shell.terminal.ask(`Type ${what}: `));
    if (typed === '') command.error(`error: ${what} is missing`);
    return typed;
  }
  const [line = '', ...more] = withoutLineEnd(await shell.stdin()).split('\n');
  if (line === '') command.error(`error: cannot ask for ${what} without a terminal; write it to standard input`);
  if (more.length > 0) command.error(`error: standard input must contain only one line: ${what}`);
  return line;
}
