import type { Request, Response } from 'express';
import { PublicError } from '../../http/public-error';
import { MAX_FORM_BODY_BYTES } from '../../http/body-limits';
import { readBody, textOf } from '../../http/read-body';
import type { Fields } from './page';

const MAX_FIELDS = 64;

/** The first value of each name; names like `__proto__` are names like any other. */
export function fieldsOf(pairs: Iterable<[string, string]>): Fields {
  const fields = Object.create(null) as Record<string, string>;
  let count = 0;
  for (const [name, value] of pairs) {
    if ((count += 1) > MAX_FIELDS) throw new PublicError('INVALID_REQUEST', `A form has at most ${MAX_FIELDS} fields.`);
    fields[name] ??= value;
  }
  return fields;
}

/** The fields of a posted form. Throws 413, 415 and 400 for what no page of ours sends. */
export async function readForm(req: Request, res: Response): Promise<Fields> {
  const [type] = (req.headers['content-type'] ?? '').toLowerCase().split(';');
  if (type?.trim() !== 'application/x-www-form-urlencoded' || req.headers['content-encoding'] !== undefined) {
    throw new PublicError('UNSUPPORTED_MEDIA_TYPE', 'Forms are sent as application/x-www-form-urlencoded.');
  }
  return fieldsOf(new URLSearchParams(textOf(await readBody(req, res, MAX_FORM_BODY_BYTES))));
}
