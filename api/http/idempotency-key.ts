import type { IncomingMessage } from 'node:http';
import { parseItem } from 'structured-headers';
import { MAX_IDEMPOTENCY_KEY_LENGTH } from '../../shared/domain/event';
import { PublicError } from './public-error';

const INNER = `{1,${MAX_IDEMPOTENCY_KEY_LENGTH}}`;

/** The header as an OpenAPI parameter. */
export const idempotencyKeyHeader = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: `Makes a retry safe. A quoted string or a bare token, at most ${MAX_IDEMPOTENCY_KEY_LENGTH} characters. Required of AI agents. In a batch of events each event has its own \`idempotencyKey\` instead.`,
  schema: {
    type: 'string',
    // A quoted string as RFC 9651 has it, or a bare token.
    pattern: `^("([ !#-\\[\\]-~]|\\\\["\\\\])${INNER}"|[!#-~][!-~]{0,${MAX_IDEMPOTENCY_KEY_LENGTH - 1}})$`,
  },
  example: 'order-4711-completed',
};

const BARE_TOKEN = /^[\x21-\x7e]+$/;

/** Header `Idempotency-Key`: an RFC 9651 string as in the IETF draft, or a bare token as most clients send. */
export function readIdempotencyKey(req: Pick<IncomingMessage, 'headers'>): string | null {
  const header = req.headers['idempotency-key'];
  if (header === undefined) return null;
  const text = String(header);
  const key = text.startsWith('"') ? quoted(text) : BARE_TOKEN.test(text) ? text : null;
  if (key === null || key.length === 0 || key.length > MAX_IDEMPOTENCY_KEY_LENGTH) {
    throw new PublicError(
      'IDEMPOTENCY_KEY_INVALID',
      `Idempotency-Key must be a quoted string or a token of 1–${MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters.`,
    );
  }
  return key;
}

function quoted(text: string): string | null {
  try {
    const [value] = parseItem(text);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
