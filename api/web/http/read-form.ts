import type { Request, Response } from 'express';
import { PublicError } from '../../http/public-error';
import { readBody, textOf } from '../../http/read-body';
import type { Fields } from './page';

const MAX_FIELDS = 64;

/** Returns the first value for each name. The object has no prototype, so names like `__proto__` are safe. */
export function fieldsOf(pairs: Iterable<[string, string]>): Fields {
  const fields = Object.create(null) as Record<string, string>;
  let count = 0;
  for (const [name, value] of pairs) {
    count += 1;
    if (count > MAX_FIELDS) throw new PublicError('INVALID_REQUEST', `Too many fields. Send at most ${MAX_FIELDS}.`);
    fields[name] ??= value;
  }
  return fields;
}

/** Reads the fields of a posted form. Throws 400, 413 or 415 for bodies that our pages never send, and for forms over `maxBytes`. */
export async function readForm(req: Request, res: Response, maxBytes: number): Promise<Fields> {
  const [type] = (req.headers['content-type'] ?? '').toLowerCase().split(';');
  if (type?.trim() !== 'application/x-www-form-urlencoded' || req.headers['content-encoding'] !== undefined) {
    throw new PublicError('UNSUPPORTED_MEDIA_TYPE', 'Send forms uncompressed, as application/x-www-form-urlencoded.');
  }
  return fieldsOf(new URLSearchParams(textOf(await readBody(req, res, maxBytes))));
}
