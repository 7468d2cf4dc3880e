import { createCatalog } from '../../shared/domain/catalog';

const { entries } = createCatalog();

/**
 * The catalog's event types, and possible future types: one in each category, one in a new category, and one outside
 * `mir`. Because of the future types, `mir.transaction.*` allows more than a list of the current transaction types.
 */
const EVENT_TYPES_NOW_AND_LATER: readonly string[] = [
  ...entries.map(({ eventType }) => eventType),
  ...new Set(entries.map(({ category }) => `mir.${category}.of_tomorrow`)),
  'mir.new_category.of_tomorrow',
  'other.category.of_tomorrow',
];

/** Returns whether an event type matches a pattern, independently of the product's implementation. */
function matches(pattern: string, eventType: string): boolean {
  const [expected, actual] = [pattern.split('.'), eventType.split('.')];
  const isOpen = expected.at(-1) === '*';
  const fixed = isOpen ? expected.slice(0, -1) : expected;
  return fixed.every((part, n) => part === actual[n]) && (isOpen || expected.length === actual.length);
}

/** Returns the current and future event types that at least one of the patterns matches. */
export function typesOf(patterns: readonly string[]): Set<string> {
  return new Set(EVENT_TYPES_NOW_AND_LATER.filter((type) => patterns.some((pattern) => matches(pattern, type))));
}

/** Returns the current and future event types that all of the lists allow. */
export function typesOfAll(lists: readonly (readonly string[])[]): Set<string> {
  const all = lists.map(typesOf);
  return new Set(EVENT_TYPES_NOW_AND_LATER.filter((type) => all.every((types) => types.has(type))));
}

export function isWithin<T>(inner: Iterable<T>, outer: ReadonlySet<T>): boolean {
  return [...inner].every((one) => outer.has(one));
}
