const MAX_DEPTH = 6;
/** Maximum number of distinct shapes listed for an array. */
const MAX_SHAPES_SHOWN = 5;
const MAX_TUPLE_LENGTH = 16;

const isPlain = (value: unknown): boolean => value === null || typeof value !== 'object';

/** Returns a field's name if the contract defines it. Other names may be user data, so only their length is shown. */
function nameOf(field: string, n: number, known: ReadonlySet<string>): string {
  return known.has(field) ? field : `field ${n + 1} (name of ${field.length})`;
}

/**
 * Describes the fields and types of a value without its content. Strings are shown as their length, arrays as their
 * length and the distinct shapes of their elements. Field names that are not in `known` are hidden.
 */
export function shapeOf(value: unknown, known: ReadonlySet<string>, depth = 0): unknown {
  if (value === null) return 'null';
  if (typeof value === 'string') return `string(${value.length})`;
  if (typeof value !== 'object') return typeof value;
  if (depth >= MAX_DEPTH) return '…';
  const inner = (one: unknown): unknown => shapeOf(one, known, depth + 1);
  if (!Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).map(([field, one], n) => [nameOf(field, n, known), inner(one)]));
  }
  if (value.length === 0) return 'list(0)';
  // A short array of plain values is treated as a tuple, because each position has its own meaning.
  if (value.length <= MAX_TUPLE_LENGTH && value.some(isPlain)) return value.map(inner);
  const shapes = new Map(value.map((one) => [JSON.stringify(inner(one)), inner(one)]));
  const shown = [...shapes.values()].slice(0, MAX_SHAPES_SHOWN);
  if (shapes.size > shown.length) shown.push(`… ${shapes.size - shown.length} more`);
  return { [`list(${value.length}) of`]: shown.length === 1 ? shown[0] : shown };
}
