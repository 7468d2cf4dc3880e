/** Deepest nesting of arrays and objects that a body may have. An event needs 18 levels at the most. */
export const MAX_JSON_DEPTH = 32;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Head of a batch; more white space than fits into what is looked at is not worth a second look. */
const BATCH_HEAD = /^[ \t\r\n]*\{[ \t\r\n]*"events"[ \t\r\n]*:[ \t\r\n]*\[/;
const BATCH_HEAD_MAX_BYTES = 1_024;
const BATCH_TAIL = /^[ \t\r\n]*\}[ \t\r\n]*$/;
const ANOTHER_FIELD = /^[ \t\r\n]*,/;

/** The index behind the string whose opening quote lies before `at`. */
function endOfString(json: Uint8Array, at: number): number {
  for (let i = at; i < json.length; i += 1) {
    const byte = json[i];
    if (byte === QUOTE) return i + 1;
    if (byte === BACKSLASH) i += 1;
  }
  return json.length;
}

/**
 * Whether JSON text nests deeper than `maxDepth`. Linear, and ends at the first level too deep: V8 needs half a second
 * to parse 5 MiB of opening brackets, which compress to 5 KB.
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

/**
 * Cuts `{"events":[…]}` into the JSON texts of its items, so that a large batch can be parsed in slices of time. The
 * batch is valid JSON exactly when each item is. `OTHER_FORM`: the text has other fields, or is no batch at all;
 * `UNBALANCED`: it is not valid JSON.
 */
export function splitBatch(json: Buffer): Buffer[] | 'OTHER_FORM' | 'UNBALANCED' {
  const head = BATCH_HEAD.exec(json.toString('latin1', 0, BATCH_HEAD_MAX_BYTES));
  if (!head) return 'OTHER_FORM';
  const items: Buffer[] = [];
  let start = head[0].length;
  let depth = 0;
  let i = start;
  while (i < json.length) {
    const byte = json[i];
    i += 1;
    if (byte === QUOTE) i = endOfString(json, i);
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) depth += 1;
    else if (byte === COMMA && depth === 0) {
      items.push(json.subarray(start, i - 1));
      start = i;
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      depth -= 1;
      if (depth >= 0) continue;
      const tail = json.toString('latin1', i);
      if (byte !== CLOSE_BRACKET) return 'UNBALANCED';
      if (!BATCH_TAIL.test(tail)) return ANOTHER_FIELD.test(tail) ? 'OTHER_FORM' : 'UNBALANCED';
      const last = json.subarray(start, i - 1);
      if (items.length > 0 || last.toString('latin1').trim() !== '') items.push(last);
      return items;
    }
  }
  return 'UNBALANCED';
}
