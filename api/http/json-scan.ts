import { MAX_EVENTS_PER_CALL } from '../../shared/domain/event';

/** Maximum nesting depth of a JSON body. A valid batch has at most 19 levels. */
export const MAX_JSON_DEPTH = 32;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Matches the start of a batch, which must fit in the first `BATCH_HEAD_MAX_BYTES`, including whitespace. */
const BATCH_HEAD = /^[ \t\r\n]*\{[ \t\r\n]*"events"[ \t\r\n]*:[ \t\r\n]*\[/;
const BATCH_HEAD_MAX_BYTES = 1_024;
const BATCH_TAIL = /^[ \t\r\n]*\}[ \t\r\n]*$/;
/** Nesting depth of a batch item: one level for the batch object and one for its array. */
const BATCH_DEPTH = 2;
const BLANK = /^[ \t\r\n]*$/;
const ANOTHER_FIELD = /^[ \t\r\n]*,/;

/** Returns the index after the closing quote of the string whose content starts at `at`. */
function endOfString(json: Uint8Array, at: number): number {
  for (let i = at; i < json.length; i += 1) {
    const byte = json[i];
    if (byte === QUOTE) return i + 1;
    if (byte === BACKSLASH) i += 1;
  }
  return json.length;
}

/**
 * Returns true if JSON text is nested more than `maxDepth` levels deep. Runs in linear time and stops at the first
 * excess level. Protects against 5 MiB of opening brackets, which compress to 5 KB but take V8 half a second to parse.
 */
export function nestsDeeperThan(json: Uint8Array, maxDepth: number): boolean {
  let depth = 0;
  let i = 0;
  while (i < json.length) {
    const byte = json[i];
    i += 1;
    if (byte === QUOTE) i = endOfString(json, i);
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) depth -= 1;
  }
  return false;
}

/** Why a body could not be split into batch items. */
export type SplitProblem = 'NOT_A_BATCH' | 'OTHER_FIELDS' | 'TOO_DEEP' | 'UNBALANCED';

/**
 * Splits `{"events":[…]}` into the JSON texts of its items, so that a large batch can be parsed in time slices. If
 * every item is valid JSON, so is the batch. Stops after `MAX_EVENTS_PER_CALL` + 1 items, or at the first item that is
 * nested too deeply.
 */
export function splitBatch(json: Buffer): Buffer[] | SplitProblem {
  const head = BATCH_HEAD.exec(json.toString('latin1', 0, BATCH_HEAD_MAX_BYTES));
  if (!head) return 'NOT_A_BATCH';
  const items: Buffer[] = [];
  let start = head[0].length;
  let depth = BATCH_DEPTH;
  let i = start;
  while (i < json.length) {
    const byte = json[i];
    i += 1;
    if (byte === QUOTE) i = endOfString(json, i);
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      depth += 1;
      if (depth > MAX_JSON_DEPTH) return 'TOO_DEEP';
    } else if (byte === COMMA && depth === BATCH_DEPTH) {
      items.push(json.subarray(start, i - 1));
      if (items.length > MAX_EVENTS_PER_CALL) return items;
      start = i;
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      depth -= 1;
      if (depth >= BATCH_DEPTH) continue;
      const tail = json.toString('latin1', i);
      if (byte !== CLOSE_BRACKET) return 'UNBALANCED';
      if (!BATCH_TAIL.test(tail)) return ANOTHER_FIELD.test(tail) ? 'OTHER_FIELDS' : 'UNBALANCED';
      const last = json.subarray(start, i - 1);
      if (items.length > 0 || !BLANK.test(last.toString('latin1'))) items.push(last);
      return items;
    }
  }
  return 'UNBALANCED';
}
