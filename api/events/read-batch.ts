import { MAX_EVENTS_PER_CALL } from '../../shared/domain/event';
import { MirError } from '../../shared/platform/errors';
import type { BatchItem } from './submit-batch';

function tooMany(count: number): MirError {
  return new MirError(
    'TOO_MANY_EVENTS',
    `One call takes at most ${MAX_EVENTS_PER_CALL} events; this one has ${count}. Split it.`,
  );
}

function noEvents(): MirError {
  return new MirError('VALIDATION_FAILED', 'The batch holds no events.', {
    errors: [{ path: 'events', code: 'TOO_SMALL', message: 'must hold at least one event' }],
  });
}

/** The items of NDJSON: one event a line, empty lines ignored; a line that is not JSON is that item's own error. */
export function itemsOfLines(text: string): BatchItem[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) throw noEvents();
  if (lines.length > MAX_EVENTS_PER_CALL) throw tooMany(lines.length);
  return lines.map((line): BatchItem => {
    try {
      return { value: JSON.parse(line) as unknown };
    } catch (error) {
      return { unreadable: { path: '', code: 'INVALID_JSON', message: (error as Error).message } };
    }
  });
}

/** The items of `{ "events": [ … ] }`, or null when the body is not a batch. Throws 422 for a malformed batch. */
export function itemsOfBatch(body: unknown): BatchItem[] | null {
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
  const list = events as unknown[];
  if (list.length === 0) throw noEvents();
  if (list.length > MAX_EVENTS_PER_CALL) throw tooMany(list.length);
  return list.map((value) => ({ value }));
}
