import { isUtf8 } from 'node:buffer';
import { MAX_EVENT_BYTES, MAX_EVENTS_PER_CALL } from '../../shared/domain/event';
import type { FieldError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import { MAX_JSON_DEPTH, nestsDeeperThan, splitBatch } from '../http/json-scan';
import { invalidJson, parseJson, textOf, tooDeep } from '../http/read-body';

/**
 * A larger JSON body is cut into its items, which are parsed in slices of time: V8 may need 1 ms for 32 KiB of distinct
 * keys. Parsing whole is a third faster, which counts for the batches of ordinary size.
 */
const MAX_WHOLE_PARSE_BYTES = 128 * 1024;
/** The nesting of a longer line is checked before it is parsed. */
const MAX_UNSCANNED_LINE_CHARS = 1024;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/** One item of a batch: its JSON value, its line of NDJSON, or its JSON text cut from a large body. */
export type BatchItem = { value: unknown } | { line: string } | { json: Buffer };

/** What a body of `POST /events` holds: the value of one event, or the items of a batch. */
export type Submission = { event: unknown } | { items: BatchItem[] };

/** Reads a body without validating its events. Throws 400, 413 or 422 for what is neither an event nor a batch. */
export function readSubmission(kind: 'json' | 'ndjson', body: Buffer): Submission {
  if (kind === 'ndjson') return { items: itemsOfLines(textOf(body)) };
  if (body.length > MAX_WHOLE_PARSE_BYTES) return { items: itemsOfLargeBatch(body) };
  const value = parseJson(body);
  const items = itemsOfBatch(value);
  if (items) return { items };
  if (body.length > MAX_EVENT_BYTES) throw tooLargeForOne();
  return { event: value };
}

function tooLargeForOne(): PublicError {
  const [eventKib, batchKib] = [MAX_EVENT_BYTES / 1024, MAX_WHOLE_PARSE_BYTES / 1024];
  return new PublicError(
    'BODY_TOO_LARGE',
    `A single event may be at most ${eventKib} KiB. Send several as {"events": [...]}; over ${batchKib} KiB the body must begin with that field.`,
  );
}

/** Throws when a batch has no items or too many. */
export function requireBatchSize(items: number): void {
  if (items > MAX_EVENTS_PER_CALL) {
    throw new PublicError('TOO_MANY_EVENTS', `A batch takes at most ${MAX_EVENTS_PER_CALL} events. Split it.`);
  }
  if (items > 0) return;
  throw new PublicError('VALIDATION_FAILED', 'The batch holds no events.', {
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
  // Throws: an item alone would be decoded with replacement characters.
  if (!isUtf8(body)) textOf(body);
  const marked = body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const items = splitBatch(marked ? body.subarray(BYTE_ORDER_MARK.length) : body);
  switch (items) {
    case 'NOT_A_BATCH':
      // It is rejected in any case; only its beginning decides which error is reported.
      throw nestsDeeperThan(body.subarray(0, MAX_EVENT_BYTES), MAX_JSON_DEPTH) ? tooDeep() : tooLargeForOne();
    case 'TOO_DEEP':
      throw tooDeep();
    case 'UNBALANCED':
      throw invalidJson(new Error('a bracket or a quote has no counterpart'));
    case 'OTHER_FIELDS':
      throw new PublicError('VALIDATION_FAILED', 'A batch has the field "events" and no other. Remove the others.', {
        errors: [{ path: '', code: 'UNKNOWN_FIELD', message: 'has other fields than events' }],
      });
    default:
      return items.map((json) => ({ json }));
  }
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
    throw new PublicError('VALIDATION_FAILED', 'The batch is not valid. Fix the problems listed in `errors`.', {
      errors: [...shape, ...unknown],
    });
  }
  return (events as unknown[]).map((value) => ({ value }));
}

const TOO_LARGE: FieldError = {
  path: '',
  code: 'TOO_LARGE',
  message: `must have at most ${MAX_EVENT_BYTES / 1024} KiB`,
};

/** Size of an item's text, in bytes or characters; 0 when it was parsed with its whole body. */
export function sizeOf(item: BatchItem): number {
  if ('value' in item) return 0;
  return 'json' in item ? item.json.length : item.line.length;
}

/** The JSON value of an item, or what is wrong with its text. Throws 400 when it makes the whole body invalid JSON. */
export function readItem(item: BatchItem, index: number): { value: unknown } | { problem: FieldError } {
  if ('value' in item) return item;
  if (sizeOf(item) > MAX_EVENT_BYTES) return { problem: TOO_LARGE };
  const unreadable = (message: string) => ({ problem: { path: '', code: 'INVALID_JSON', message } });
  try {
    if ('json' in item) return { value: JSON.parse(item.json.toString('utf8')) as unknown };
    const { line } = item;
    if (line.length > MAX_UNSCANNED_LINE_CHARS && nestsDeeperThan(Buffer.from(line), MAX_JSON_DEPTH)) {
      return unreadable(`must not nest deeper than ${MAX_JSON_DEPTH} levels`);
    }
    return { value: JSON.parse(line) as unknown };
  } catch (error) {
    const { message } = error as Error;
    if ('json' in item) throw invalidJson(new Error(`events.${index}: ${message}`));
    return unreadable(message);
  }
}
