// Structural, not `instanceof`: under jest the errors of Node's own modules come from another realm.
function fieldOf(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
}

/** The system's code of an error, such as ENOENT. */
export function codeOf(error: unknown): unknown {
  return fieldOf(error, 'code');
}

/** Of a failed child process: whether its time ran out, and what it wrote to stderr. */
export function failureOf(error: unknown): { timedOut: boolean; stderr: string } {
  const stderr = fieldOf(error, 'stderr');
  return { timedOut: fieldOf(error, 'killed') === true, stderr: typeof stderr === 'string' ? stderr.trim() : '' };
}
