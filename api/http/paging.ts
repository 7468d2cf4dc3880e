import { z } from 'zod';
import { decryptSecret, encryptSecret } from '../../shared/domain/encrypted-secret';
import type { ListPage, Position } from '../../shared/store/list-page';
import { PublicError } from './public-error';

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 500;
export const MAX_CURSOR_LENGTH = 512;

/** Query parameters that every list accepts. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_PAGE_SIZE)
    .default(DEFAULT_PAGE_SIZE)
    .describe(`Number of items per page, 1–${MAX_PAGE_SIZE}.`)
    .meta({ parameter: 'Limit' }),
  cursor: z
    .string()
    .max(MAX_CURSOR_LENGTH)
    .optional()
    .describe('The `nextCursor` of the previous page.')
    .meta({ parameter: 'Cursor' }),
};

/**
 * Returns the number of items that a list request asks for, before the request is validated. Counts an invalid limit as
 * the default.
 */
export function requestedRows({ limit }: Record<string, unknown>): number {
  const asked = Number(limit ?? DEFAULT_PAGE_SIZE);
  return asked >= 1 && asked <= MAX_PAGE_SIZE ? asked : DEFAULT_PAGE_SIZE;
}

/**
 * Returns an encrypted cursor, which reveals nothing about the row it points to. Only the owner of the cursor (such as a
 * tenant or `admin`) can use it.
 */
export function encryptCursor(key: Buffer, owner: string, position: readonly [atMs: number, id: string]): string {
  return encryptSecret(key, owner, JSON.stringify(position));
}

/** The parameter that contains a cursor, and what the cursor must be. */
interface CursorParameter {
  path: string;
  message: string;
}

const CURSOR_OF_PAGE: CursorParameter = {
  path: 'cursor',
  message: 'Must be the unchanged nextCursor of the previous page.',
};

function decryptCursor(key: Buffer, owner: string, cursor: string, { path, message }: CursorParameter): string {
  try {
    // Node skips characters that do not belong to base64url, so several texts decode to the same bytes.
    if (Buffer.from(cursor, 'base64url').toString('base64url') !== cursor) throw new Error('not canonical base64url');
    return decryptSecret(key, owner, cursor);
  } catch (cause) {
    throw new PublicError('VALIDATION_FAILED', 'The cursor is not valid for this list.', {
      cause,
      errors: [{ path, code: 'INVALID_CURSOR', message }],
    });
  }
}

/**
 * Returns the position encoded in a cursor, or null if there is no cursor. Throws 422 unless the cursor was encrypted
 * for this owner.
 */
export function readCursor(
  key: Buffer,
  owner: string,
  cursor: string | undefined,
  parameter = CURSOR_OF_PAGE,
): Position | null {
  if (cursor === undefined) return null;
  const [atMs, id] = JSON.parse(decryptCursor(key, owner, cursor, parameter)) as [number, string];
  return { atMs, id };
}

/** Returns the schema of a page. `id` is the schema's name in the OpenAPI document. `more` are further fields. */
export const pageSchema = <Item extends z.ZodType>(id: string, item: Item, more: z.ZodRawShape = {}) =>
  z
    .object({
      data: z
        .array(item)
        .describe('Up to `limit` items. A filtered page can contain fewer items, or none, even if more pages follow.'),
      nextCursor: z
        .string()
        .nullable()
        .describe('Pass it as `cursor` to get the next page. Null only on the last page.'),
      ...more,
    })
    .meta({ id });

/** Returns a page in the format that all lists share. `owner` is the owner of the cursor, as in `encryptCursor`. */
export function presentPage<Row, Item>(
  key: Buffer,
  owner: string,
  { rows, next }: Pick<ListPage<Row>, 'rows' | 'next'>,
  present: (row: Row) => Item,
): { data: Item[]; nextCursor: string | null } {
  return { data: rows.map(present), nextCursor: next && encryptCursor(key, owner, [next.atMs, next.id]) };
}
