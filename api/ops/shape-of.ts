const MAX_DEPTH = 6;

/** The fields and types of a value without any of its content; a list shows its length and its first item's shape. */
export function shapeOf(value: unknown, depth = 0): unknown {
  if (value === null) return 'null';
  if (typeof value === 'string') return `string(${value.length})`;
  if (typeof value !== 'object') return typeof value;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) {
    return value.length === 0 ? 'list(0)' : { [`list(${value.length}) of`]: shapeOf(value[0], depth + 1) };
  }
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, shapeOf(inner, depth + 1)]));
}
