import { countText } from '../design/count-text';
import type { PresentedEntry } from '../../audit/present-entry';

/** Maximum number of values of an entry that are shown. */
const MAX_VALUES = 40;
const MAX_VALUE_LENGTH = 300;
/** Objects below this depth are shown as JSON. */
const MAX_DEPTH = 3;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (typeof value === 'number') return countText(value);
  if (Array.isArray(value)) return value.length === 0 ? 'None' : value.map(valueText).join(', ');
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}

/** Returns the words of a path, such as "Limits: events per minute". */
function nameOf(path: readonly string[]): string {
  const words = path.map((field) => field.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()).join(': ');
  return words === '' ? 'Value' : words.charAt(0).toUpperCase() + words.slice(1);
}

/** Returns the values of an object, each with the words of its path. */
function valuesOf(value: unknown, path: readonly string[] = []): [name: string, text: string][] {
  if (isObject(value) && path.length < MAX_DEPTH) {
    return Object.entries(value).flatMap(([field, one]) => valuesOf(one, [...path, field]));
  }
  return path.length === 0 && (value === null || value === undefined) ? [] : [[nameOf(path), valueText(value)]];
}

export interface ChangedValue {
  name: string;
  /** Null if the entry does not name a value. */
  before: string | null;
  after: string | null;
}

/** Returns the values that an entry names, those of the state before and after the change side by side. */
export function changedValues({ before, after }: Pick<PresentedEntry, 'before' | 'after'>): ChangedValue[] {
  const [was, is] = [new Map(valuesOf(before)), new Map(valuesOf(after))];
  const names = [...new Set([...was.keys(), ...is.keys()])];
  return names
    .slice(0, MAX_VALUES)
    .map((name) => ({ name, before: was.get(name) ?? null, after: is.get(name) ?? null }));
}
