import type { IncomingMessage } from 'node:http';
import { parseItem } from 'structured-headers';
import { MAX_IDEMPOTENCY_KEY_LENGTH } from '../../shared/domain/event';
import { PublicError } from './public-error';

const INNER = `{1,${MAX_IDEMPOTENCY_KEY_LENGTH}}`;

/** OpenAPI parameter for the header. */
export const idempotencyKeyHeader = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: `A quoted string or bare token of up to ${MAX_IDEMPOTENCY_KEY_LENGTH} characters. Retrying a single event, a registration or a spawn with the same key does not create a duplicate. For all other writes, MIR only validates the key. Required for AI agents. In a batch, set \`idempotencyKey\` on each event instead.`,
  schema: {
    type: 'string',
    // Matches an RFC 9651 string or a bare token.
    pattern: `^("([ !#-\\[\\]-~]|\\\\["\\\\])${INNER}"|[!#-~][!-~]{0,${MAX_IDEMPOTENCY_KEY_LENGTH - 1}})$`,
  },
  example: 'order-4711-completed',
};

const BARE_TOKEN = /^[\x21-\x7e]+$/;

/**
 * Returns the `Idempotency-Key` header, or null if it is absent. Accepts an RFC 9651 string, as defined in the IETF
 * draft, or a bare token, which most clients send. Throws 400 for any other value.
 */
export function readIdempotencyKey(req: Pick<IncomingMessage, 'headers'>): string | null {
  const header = req.headers['idempotency-key'];
  if (header === undefined) return null;
  const text = String(header);
  const key = text.startsWith('"') ? quoted(text) : BARE_TOKEN.test(text) ? text : null;
  if (key === null || key.length === 0 || key.length > MAX_IDEMPOTENCY_KEY_LENGTH) {
    throw new PublicError(
      'IDEMPOTENCY_KEY_INVALID',
      `The Idempotency-Key header must be a quoted string or a bare token of 1–${MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters.`,
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
