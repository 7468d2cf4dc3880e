import type { Command } from 'commander';
import type { Shell } from './shell';

/** Ends the command with a usage error that lists all problems. Does nothing if there are none. */
export function rejectUsage(command: Command, problems: readonly (string | null)[]): void {
  const found = problems.filter((problem) => problem !== null);
  if (found.length > 0) command.error(found.map((problem) => `error: ${problem}`).join('\n'));
}

/** Returns the problem of a command that must ask for confirmation without a terminal. `remedy` confirms instead. */
export function confirmationProblem({ terminal }: Shell, remedy: string): string | null {
  return terminal ? null : `cannot ask for confirmation without a terminal; add ${remedy}`;
}

/** Returns the problem of a command without a reason for the audit log. */
export function reasonProblem(reason: string | undefined): string | null {
  return reason === undefined ? 'the audit log needs a reason; add --reason <text>' : null;
}

/**
 * Shows what a command is about to do, and asks the operator to type `expected`. Throws if the typed text is different.
 * `what` names the text, as in "the agent's ID".
 */
export async function confirmByTyping(
  shell: Shell,
  { preview, question, expected, what }: { preview: string; question: string; expected: string; what: string },
): Promise<void> {
  shell.err(`${preview}\n`);
  const typed = await shell.terminal!.ask(question);
  if (typed.trim() !== expected.trim()) throw new Error(`this is not ${what}; nothing was changed`);
}
