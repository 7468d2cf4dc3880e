export const METADATA_MAX_BYTES = 4096;
export const METADATA_MAX_DEPTH = 16;

export interface MetadataProblem {
  path: string;
  code: string;
  message: string;
}

/**
 * JSON Schema for the keys and values that `metadataProblem` accepts. JSON Schema cannot express the size and depth
 * limits.
 */
export const METADATA_KEY_SCHEMA = {
  type: 'string',
  pattern: '^[^$\\u0000][^\\u0000]*$',
  not: { enum: ['__proto__', '_bsontype'] },
};
export const METADATA_VALUE_SCHEMA = {
  description: 'Any JSON value.',
  pattern: '^[^\\u0000]*$',
  items: { $ref: '#/components/schemas/MetadataValue' },
  propertyNames: METADATA_KEY_SCHEMA,
  additionalProperties: { $ref: '#/components/schemas/MetadataValue' },
};

function textProblem(text: string): string | null {
  if (text.includes('\u0000')) return 'Must not contain NUL characters.';
  return text.isWellFormed() ? null : 'Must be well-formed Unicode, without lone surrogates.';
}

function keyProblem(key: string): string | null {
  if (key === '__proto__') return 'The key __proto__ is not allowed.';
  // The MongoDB driver mistakes an object with this key for one of its BSON types and rejects it.
  if (key === '_bsontype') return 'The key _bsontype is not allowed.';
  if (key.startsWith('$')) return 'Keys must not start with $.';
  return key === '' ? 'Keys must not be empty.' : textProblem(key);
}

/** Returns an upper bound on a text's size as JSON, including quotes and with every character escaped as \uXXXX. */
const maxJsonBytes = (text: string): number => text.length * 6 + 2;

interface Walk {
  problem: MetadataProblem | null;
  /** Upper bound on the size as JSON. Metadata is serialized and measured only if this bound exceeds the limit. */
  maxBytes: number;
}

/** Upper bound on the size of a number, `true`, `false` or `null`, plus a separator. */
const SCALAR_BYTES = 26;

function walk(value: unknown, path: string, depth: number, state: Walk): void {
  if (typeof value === 'string') {
    state.maxBytes += maxJsonBytes(value) + 1;
    const message = textProblem(value);
    if (message) state.problem = { path, code: 'INVALID_TEXT', message };
    return;
  }
  state.maxBytes += SCALAR_BYTES;
  if (typeof value === 'number' && !Number.isFinite(value)) {
    state.problem = { path, code: 'INVALID_NUMBER', message: 'Must be a finite number.' };
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth >= METADATA_MAX_DEPTH) {
    state.problem = { path, code: 'TOO_DEEP', message: `Must not be nested deeper than ${METADATA_MAX_DEPTH} levels.` };
    return;
  }
  for (const key of Object.keys(value)) {
    const message = Array.isArray(value) ? null : keyProblem(key);
    if (message) {
      state.problem = { path: `${path}.${key}`, code: 'INVALID_KEY', message };
      return;
    }
    state.maxBytes += maxJsonBytes(key) + 1;
    walk((value as Record<string, unknown>)[key], `${path}.${key}`, depth + 1, state);
    if (state.problem) return;
  }
}

/** Returns the first reason why MIR cannot store `metadata` (a JSON object), or null if MIR can store it. */
export function metadataProblem(metadata: object): MetadataProblem | null {
  const state: Walk = { problem: null, maxBytes: 0 };
  walk(metadata, 'metadata', 0, state);
  if (state.problem || state.maxBytes <= METADATA_MAX_BYTES) return state.problem;
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  if (bytes <= METADATA_MAX_BYTES) return null;
  return {
    path: 'metadata',
    code: 'TOO_LARGE',
    message: `Must be at most ${METADATA_MAX_BYTES} bytes as JSON, but is ${bytes} bytes.`,
  };
}
