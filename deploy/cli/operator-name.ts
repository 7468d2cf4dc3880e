import { hostname, userInfo } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { nameProblem } from '../../shared/domain/text';

const MAX_OPERATOR_NAME_LENGTH = 100;
const UNKNOWN = 'unknown';

/** Parses the `--as` option. Throws a usage error that lists every problem. */
export function operatorName(text: string): string {
  const name = text.trim();
  const problems = [
    name === '' ? 'Must not be empty.' : null,
    name.length > MAX_OPERATOR_NAME_LENGTH ? `Must be at most ${MAX_OPERATOR_NAME_LENGTH} characters long.` : null,
    nameProblem(name),
  ].filter((problem) => problem !== null);
  if (problems.length > 0) throw new InvalidArgumentError(problems.join(' '));
  return name;
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container can run as a user without an entry in /etc/passwd.
    return UNKNOWN;
  }
}

/** Returns `$USER@host`, without characters that a name must not contain. */
export function defaultOperatorName(env: Record<string, string | undefined>): string {
  const user = env['USER'] || env['LOGNAME'] || systemUser();
  const usable = Array.from(`${user}@${hostname()}`).filter((character) => nameProblem(character) === null);
  // Shortens between characters, because half of a surrogate pair is not valid.
  let name = '';
  for (const character of usable) {
    if (name.length + character.length > MAX_OPERATOR_NAME_LENGTH) break;
    name += character;
  }
  return name.trim() || UNKNOWN;
}
