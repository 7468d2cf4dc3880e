import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { ListPage, Position } from '../../shared/store/list-page';
import { PublicError } from './public-error';

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 500;
const MAC_LENGTH = 16;
const MAX_CURSOR_LENGTH = 512;

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

function macOf(key: KeyObject, owner: string, body: string): string {
  return createHmac('sha256', key).update(`${owner}|${body}`).digest('base64url').slice(0, MAC_LENGTH);
}

/** Returns a signed cursor, which cannot be forged. Only the owner of the cursor (a tenant or `admin`) can use it. */
export function signCursor(key: KeyObject, owner: string, position: readonly [atMs: number, id: string]): string {
  const body = Buffer.from(JSON.stringify(position)).toString('base64url');
  return `${body}.${macOf(key, owner, body)}`;
}

/**
 * Returns the position encoded in a cursor, or null if there is no cursor. Throws 422 unless the cursor was signed for
 * this owner.
 */
export function readCursor(key: KeyObject, owner: string, cursor: string | undefined): Position | null {
  if (cursor === undefined) return null;
  const [body, mac, ...more] = cursor.split('.');
  const expected = Buffer.from(macOf(key, owner, body ?? ''));
  const given = Buffer.from(mac ?? '');
  if (more.length > 0 || expected.length !== given.length || !timingSafeEqual(expected, given)) {
    throw new PublicError('VALIDATION_FAILED', 'The cursor is not valid for this list.', {
      errors: [
        { path: 'cursor', code: 'INVALID_CURSOR', message: 'Must be the unchanged nextCursor of the previous page.' },
      ],
    });
  }
  const [atMs, id] = JSON.parse(Buffer.from(body!, 'base64url').toString()) as [number, string];
  return { atMs, id };
}

/** Returns the schema of a page. `id` is the schema's name in the OpenAPI document. */
export const pageSchema = <Item extends z.ZodType>(id: string, item: Item) =>
  z
    .object({
      data: z
        .array(item)
        .describe('Up to `limit` items. A filtered page can contain fewer items, or none, even if more pages follow.'),
      nextCursor: z
        .string()
        .nullable()
        .describe('Pass it as `cursor` to get the next page. Null only on the last page.'),
    })
    .meta({ id });

/** Returns a page in the format that all lists share. `owner` is the owner of the cursor, as in `signCursor`. */
export function presentPage<Row, Item>(
  key: KeyObject,
  owner: string,
  { rows, next }: Pick<ListPage<Row>, 'rows' | 'next'>,
  present: (row: Row) => Item,
): { data: Item[]; nextCursor: string | null } {
  return { data: rows.map(present), nextCursor: next && signCursor(key, owner, [next.atMs, next.id]) };
}
