import { createCatalog } from '../../shared/domain/catalog';

const { entries } = createCatalog();

/**
 * The catalog's event types, and some that it may have one day: one in each category, one of a new category, and one
 * outside of `mir`. A list of all types of today is not `mir.transaction.*`, and these tell the difference.
 */
const EVENT_TYPES_NOW_AND_LATER: readonly string[] = [
  ...entries.map(({ eventType }) => eventType),
  ...new Set(entries.map(({ category }) => `mir.${category}.of_tomorrow`)),
  'mir.new_category.of_tomorrow',
  'other.category.of_tomorrow',
];

/** What a pattern means, told another way than the product does. */
function matches(pattern: string, eventType: string): boolean {
  const [wanted, given] = [pattern.split('.'), eventType.split('.')];
  const isOpen = wanted.at(-1) === '*';
  const fixed = isOpen ? wanted.slice(0, -1) : wanted;
  return fixed.every((part, n) => part === given[n]) && (isOpen || wanted.length === given.length);
}

/** Those event types, now and later, that one of the patterns matches. */
export function typesOf(patterns: readonly string[]): Set<string> {
  return new Set(EVENT_TYPES_NOW_AND_LATER.filter((type) => patterns.some((pattern) => matches(pattern, type))));
}

/** Those that every one of the lists allows. */
export function typesOfAll(lists: readonly (readonly string[])[]): Set<string> {
  const all = lists.map(typesOf);
  return new Set(EVENT_TYPES_NOW_AND_LATER.filter((type) => all.every((types) => types.has(type))));
}

export function isWithin<T>(inner: Iterable<T>, outer: ReadonlySet<T>): boolean {
  return [...inner].every((one) => outer.has(one));
}
