export const METADATA_MAX_BYTES = 4096;
export const METADATA_MAX_DEPTH = 16;

/** A problem at a path below `metadata`. */
export interface MetadataProblem {
  path: string;
  code: string;
  message: string;
}

function textProblem(text: string): string | null {
  if (text.includes('\u0000')) return 'must not contain NUL characters';
  return text.isWellFormed() ? null : 'must be well-formed Unicode (no lone surrogates)';
}

function keyProblem(key: string): string | null {
  if (key === '__proto__') return 'the key __proto__ is not allowed';
  if (key.startsWith('$')) return 'keys must not start with $';
  return key === '' ? 'keys must not be empty' : textProblem(key);
}

function walk(value: unknown, path: string, depth: number): MetadataProblem | null {
  if (typeof value === 'string') {
    const message = textProblem(value);
    return message ? { path, code: 'INVALID_TEXT', message } : null;
  }
  if (typeof value === 'number') {
    return Number.isFinite(value) ? null : { path, code: 'INVALID_NUMBER', message: 'must be a finite number' };
  }
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= METADATA_MAX_DEPTH) {
    return { path, code: 'TOO_DEEP', message: `must not nest deeper than ${METADATA_MAX_DEPTH} levels` };
  }
  for (const key of Object.keys(value)) {
    const message = Array.isArray(value) ? null : keyProblem(key);
    if (message) return { path, code: 'INVALID_KEY', message };
    const problem = walk((value as Record<string, unknown>)[key], `${path}.${key}`, depth + 1);
    if (problem) return problem;
  }
  return null;
}

/** The first thing that keeps `metadata` (already known to be a JSON object) from being stored, or null. */
export function metadataProblem(metadata: object): MetadataProblem | null {
  const problem = walk(metadata, 'metadata', 0);
  if (problem) return problem;
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  if (bytes <= METADATA_MAX_BYTES) return null;
  return {
    path: 'metadata',
    code: 'TOO_LARGE',
    message: `must be at most ${METADATA_MAX_BYTES} bytes as JSON; it has ${bytes}`,
  };
}
