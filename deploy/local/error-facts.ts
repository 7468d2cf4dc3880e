// Does not use `instanceof`, because under Jest, errors from Node's own modules come from another realm.
function fieldOf(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
}

/** Returns an error's system code, such as ENOENT. */
export function codeOf(error: unknown): unknown {
  return fieldOf(error, 'code');
}

/** Returns a failed child process's stderr and whether the process timed out. */
export function failureOf(error: unknown): { timedOut: boolean; stderr: string } {
  const stderr = fieldOf(error, 'stderr');
  return { timedOut: fieldOf(error, 'killed') === true, stderr: typeof stderr === 'string' ? stderr.trim() : '' };
}
