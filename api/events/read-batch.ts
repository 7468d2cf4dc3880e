import { isUtf8 } from 'node:buffer';
import { MAX_EVENT_BYTES, MAX_EVENTS_PER_CALL } from '../../shared/domain/event';
import type { FieldError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import { MAX_JSON_DEPTH, nestsDeeperThan, splitBatch } from '../http/json-scan';
import { invalidJson, parseText, requireShallow, textOf, tooDeep } from '../http/read-body';

/**
 * Larger JSON bodies are split into items, which are parsed in time slices, because V8 can take 1 ms to parse 32 KiB of
 * distinct keys. Smaller bodies are parsed in one piece, which is a third faster.
 */
const MAX_WHOLE_PARSE_BYTES = 128 * 1024;
/** Lines longer than this are checked for nesting depth before they are parsed. */
const MAX_UNSCANNED_LINE_CHARS = 1024;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/** An item of a batch: its JSON value, its NDJSON line, or its JSON text, extracted from a large body. */
export type BatchItem = { value: unknown } | { line: string } | { json: Buffer };

/**
 * The content of a `POST /events` body: one event, or the items of a batch. If an item is invalid, `unscanned` must be
 * passed to `requireShallow`. Valid items are not nested too deeply, so ordinary batches are never scanned.
 */
export type Submission = { event: unknown } | { items: BatchItem[]; unscanned?: Buffer };

/** Parses a body without validating its events. Throws 400, 413 or 422 if the body is neither an event nor a batch. */
export function readSubmission(kind: 'json' | 'ndjson', body: Buffer): Submission {
  if (kind === 'ndjson') return { items: itemsOfLines(textOf(body)) };
  if (body.length > MAX_WHOLE_PARSE_BYTES) return { items: itemsOfLargeBatch(body) };
  const value = parseText(textOf(body));
  if (isBatch(value)) return { items: value.events.map((item) => ({ value: item })), unscanned: body };
  requireShallow(body);
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, 'events')) throw malformedBatch(value);
  if (body.length > MAX_EVENT_BYTES) throw tooLargeForOne();
  return { event: value };
}

function tooLargeForOne(): PublicError {
  const [eventKib, batchKib] = [MAX_EVENT_BYTES / 1024, MAX_WHOLE_PARSE_BYTES / 1024];
  return new PublicError(
    'BODY_TOO_LARGE',
    `A single event may be at most ${eventKib} KiB. Send several events as {"events": [...]}; in a body over ${batchKib} KiB, "events" must be the first field.`,
  );
}

/** Throws 422 if a batch is empty or contains too many items. */
export function requireBatchSize(items: number): void {
  if (items > MAX_EVENTS_PER_CALL) {
    throw new PublicError('TOO_MANY_EVENTS', `A batch may contain at most ${MAX_EVENTS_PER_CALL} events. Split it.`);
  }
  if (items > 0) return;
  throw new PublicError('VALIDATION_FAILED', 'The batch is empty. Send at least one event.', {
    errors: [{ path: 'events', code: 'TOO_SMALL', message: 'Must contain at least one event.' }],
  });
}

/**
 * Returns the items of an NDJSON body, which has one event per line. Ignores blank lines. Stops at the first item over
 * the limit.
 */
function itemsOfLines(text: string): BatchItem[] {
  const items: BatchItem[] = [];
  for (const [line] of text.matchAll(/\S[^\n]*/g)) {
    items.push({ line });
    if (items.length > MAX_EVENTS_PER_CALL) break;
  }
  return items;
}

/** Returns the items of a large batch, unparsed. */
function itemsOfLargeBatch(body: Buffer): BatchItem[] {
  // Let `textOf` throw for invalid UTF-8. Otherwise, decoding items one by one would silently insert replacement
  // characters.
  if (!isUtf8(body)) textOf(body);
  const marked = body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const items = splitBatch(marked ? body.subarray(BYTE_ORDER_MARK.length) : body);
  switch (items) {
    case 'NOT_A_BATCH':
      // The body is rejected either way. Its first bytes only determine which error to throw.
      throw nestsDeeperThan(body.subarray(0, MAX_EVENT_BYTES), MAX_JSON_DEPTH) ? tooDeep() : tooLargeForOne();
    case 'TOO_DEEP':
      throw tooDeep();
    case 'UNBALANCED':
      throw invalidJson(new Error('unbalanced bracket or quote'));
    case 'OTHER_FIELDS':
      throw new PublicError(
        'VALIDATION_FAILED',
        'A batch may contain only the "events" field. Remove all other fields.',
        {
          errors: [{ path: '', code: 'UNKNOWN_FIELD', message: 'Must contain only the events field.' }],
        },
      );
    default:
      return items.map((json) => ({ json }));
  }
}

/** Returns whether a JSON value is `{ "events": [ … ] }`. */
function isBatch(body: unknown): body is { events: unknown[] } {
  if (typeof body !== 'object' || body === null || Object.keys(body).length !== 1) return false;
  return Object.hasOwn(body, 'events') && Array.isArray((body as { events: unknown }).events);
}

function malformedBatch(body: object): PublicError {
  const { events, ...others } = body as Record<string, unknown>;
  const unknown = Object.keys(others).map((path) => ({
    path,
    code: 'UNKNOWN_FIELD',
    message: 'Not allowed in a batch, which may contain only the events field.',
  }));
  const shape = Array.isArray(events)
    ? []
    : [{ path: 'events', code: 'INVALID_TYPE', message: 'Must be an array of events.' }];
  return new PublicError('VALIDATION_FAILED', 'The batch is not valid. Fix the problems listed in `errors`.', {
    errors: [...shape, ...unknown],
  });
}

const TOO_LARGE: FieldError = {
  path: '',
  code: 'TOO_LARGE',
  message: `Must be at most ${MAX_EVENT_BYTES / 1024} KiB.`,
};

/**
 * Returns the length of an item's text, in bytes for JSON and in characters for NDJSON. Returns 0 if the item was
 * parsed with the entire body.
 */
export function sizeOf(item: BatchItem): number {
  if ('value' in item) return 0;
  return 'json' in item ? item.json.length : item.line.length;
}

/**
 * Returns an item's JSON value, or a field error if its text is invalid. Throws 400 if the item makes the entire body
 * invalid JSON.
 */
export function readItem(item: BatchItem, index: number): { value: unknown } | { problem: FieldError } {
  if ('value' in item) return item;
  if (sizeOf(item) > MAX_EVENT_BYTES) return { problem: TOO_LARGE };
  const unreadable = (message: string) => ({ problem: { path: '', code: 'INVALID_JSON', message } });
  try {
    if ('json' in item) return { value: JSON.parse(item.json.toString('utf8')) as unknown };
    const { line } = item;
    if (line.length > MAX_UNSCANNED_LINE_CHARS && nestsDeeperThan(Buffer.from(line), MAX_JSON_DEPTH)) {
      return unreadable(`Must not be nested more than ${MAX_JSON_DEPTH} levels deep.`);
    }
    return { value: JSON.parse(line) as unknown };
  } catch (error) {
    const { message } = error as Error;
    if ('json' in item) throw invalidJson(new Error(`events.${index}: ${message}`));
    return unreadable(`Must be valid JSON: ${message}.`);
  }
}
