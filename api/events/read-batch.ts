import { isUtf8 } from 'node:buffer';
import { MAX_EVENTS_PER_CALL } from '../../shared/domain/event';
import { MirError } from '../../shared/platform/errors';
import { MAX_JSON_DEPTH, nestsDeeperThan, splitBatch } from '../http/json-scan';
import { invalidJson, parseJson, requireShallow, textOf } from '../http/read-body';

/**
 * A larger JSON body is parsed item by item, in slices of time: V8 may need 1 ms for 16 KB of distinct keys. No single
 * event is that large.
 */
const MAX_WHOLE_PARSE_BYTES = 256 * 1024;
/** A longer line is looked at for its depth before it is parsed. */
const MAX_UNSCANNED_LINE_CHARS = 16 * 1024;

/** One item of a batch: its JSON value, its line of NDJSON, or its JSON text cut from a large body. */
export type BatchItem = { value: unknown } | { line: string } | { json: Buffer };

/** What a body of `POST /events` holds: the value of one event, or the items of a batch. */
export type Submission = { event: unknown } | { items: BatchItem[] };

/** Reads a body without validating its events. Throws 400 or 422 for what is neither an event nor a batch. */
export function readSubmission(kind: 'json' | 'ndjson', body: Buffer): Submission {
  if (kind === 'ndjson') return { items: itemsOfLines(textOf(body)) };
  if (body.length > MAX_WHOLE_PARSE_BYTES) return { items: itemsOfLargeBatch(body) };
  const value = parseJson(body);
  const items = itemsOfBatch(value);
  return items ? { items } : { event: value };
}

/** Throws when a batch has no items or too many. */
export function requireBatchSize(items: number): void {
  if (items > MAX_EVENTS_PER_CALL) {
    throw new MirError('TOO_MANY_EVENTS', `A batch takes at most ${MAX_EVENTS_PER_CALL} events. Split it.`);
  }
  if (items > 0) return;
  throw new MirError('VALIDATION_FAILED', 'The batch holds no events.', {
    errors: [{ path: 'events', code: 'TOO_SMALL', message: 'must hold at least one event' }],
  });
}

/** The items of NDJSON: one event a line, blank lines ignored; none beyond the first that is too many. */
function itemsOfLines(text: string): BatchItem[] {
  const items: BatchItem[] = [];
  for (const [line] of text.matchAll(/\S[^\n]*/g)) {
    items.push({ line });
    if (items.length > MAX_EVENTS_PER_CALL) break;
  }
  return items;
}

/** The items of a large batch, unparsed. */
function itemsOfLargeBatch(body: Buffer): BatchItem[] {
  if (!isUtf8(body)) textOf(body);
  requireShallow(body);
  const items = splitBatch(body);
  if (Array.isArray(items)) return items.map((json) => ({ json }));
  if (items === 'UNBALANCED') throw invalidJson(new Error('a bracket or a quote has no counterpart'));
  throw new MirError(
    'VALIDATION_FAILED',
    `A body over ${MAX_WHOLE_PARSE_BYTES / 1024} KiB must be a batch: {"events": [...]} with no other field.`,
    { errors: [{ path: '', code: 'INVALID_TYPE', message: 'must be a batch with the field events and no other' }] },
  );
}

/** The items of `{ "events": [ … ] }`, or null when the body is not a batch. Throws 422 for a malformed batch. */
function itemsOfBatch(body: unknown): BatchItem[] | null {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'events')) return null;
  const { events, ...others } = body as Record<string, unknown>;
  const unknown = Object.keys(others).map((path) => ({
    path,
    code: 'UNKNOWN_FIELD',
    message: 'a batch has the field events and no other',
  }));
  const shape = Array.isArray(events)
    ? []
    : [{ path: 'events', code: 'INVALID_TYPE', message: 'must be a list of events' }];
  if (unknown.length + shape.length > 0) {
    throw new MirError('VALIDATION_FAILED', 'The batch has problems; `errors` names them all.', {
      errors: [...shape, ...unknown],
    });
  }
  return (events as unknown[]).map((value) => ({ value }));
}

/** The JSON value of an item, or what is wrong with its line. Throws 400 when an item makes its whole body invalid. */
export function readItem(item: BatchItem): { value: unknown } | { unreadable: string } {
  if ('value' in item) return item;
  try {
    if ('json' in item) return { value: JSON.parse(item.json.toString('utf8')) as unknown };
    const { line } = item;
    if (line.length > MAX_UNSCANNED_LINE_CHARS && nestsDeeperThan(Buffer.from(line), MAX_JSON_DEPTH)) {
      return { unreadable: `is nested deeper than ${MAX_JSON_DEPTH} levels` };
    }
    return { value: JSON.parse(line) as unknown };
  } catch (error) {
    if ('json' in item) throw invalidJson(error);
    return { unreadable: (error as Error).message };
  }
}
