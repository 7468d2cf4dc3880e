import type { IncomingHttpHeaders } from 'node:http';
import { MirError } from '../../shared/errors';
import type { PayForRows } from '../../shared/store/list-page';

/** Bytes of a body that one unit pays for. */
export const BYTES_PER_UNIT = 32 * 1024;
/** Users in a body that one unit pays for. */
export const IDS_PER_UNIT = 25;
/** Rows that one unit pays for. */
export const ROWS_PER_UNIT = 100;

/**
 * What a request costs if it asks for more than one unit's work. The size of the body counts on every route. The
 * functions get unvalidated input, because rejected requests are charged, too.
 */
export interface Price {
  /** Returns the number of users that the parsed body names. */
  ids?: (body: unknown) => number;
  /** Returns the number of rows that the response may contain. */
  rows?: (query: Record<string, unknown>, headers: IncomingHttpHeaders) => number;
  /** Set if the handler charges for further rows as it reads them, with the caller's `charge`. */
  asRead?: true;
}

/** Returns the cost of a request in units. */
export function unitsOf({ ids = 0, rows = 0, bytes = 0 }: { ids?: number; rows?: number; bytes?: number }): number {
  return Math.max(1, Math.ceil(ids / IDS_PER_UNIT), Math.ceil(rows / ROWS_PER_UNIT), Math.ceil(bytes / BYTES_PER_UNIT));
}

/**
 * Charges units of the requests budget for work whose extent was not known in advance. The last charge may exceed what
 * is left. Throws 429 if nothing is left.
 */
export type Charge = (units: number) => Promise<void>;

/** Charges nothing, for callers without a budget. */
export const FREE: Charge = () => Promise.resolve();

/**
 * Passes rows through and charges one unit for each further `ROWS_PER_UNIT` rows before it passes the first of them. The
 * request's own unit has paid for the first ones.
 */
export async function* chargeRows<Row>(rows: AsyncIterable<Row>, charge: Charge): AsyncGenerator<Row, void> {
  let passed = 0;
  for await (const row of rows) {
    if (passed > 0 && passed % ROWS_PER_UNIT === 0) await charge(1);
    passed += 1;
    yield row;
  }
}

/** Returns a function that charges for rows like `chargeRows`, for rows that are read in pages. Throws 429 likewise. */
export function chargeForRows(charge: Charge): PayForRows {
  let left = ROWS_PER_UNIT;
  return async (rows) => {
    left -= rows;
    if (left < 0) {
      const units = unitsOf({ rows: -left });
      left += units * ROWS_PER_UNIT;
      await charge(units);
    }
    return true;
  };
}

/** Resolves to false if the budget is exhausted, for handlers that then return what they have read so far. */
export async function isPaid(charging: Promise<unknown>): Promise<boolean> {
  try {
    await charging;
    return true;
  } catch (error) {
    if (error instanceof MirError && error.code === 'RATE_LIMITED') return false;
    throw error;
  }
}

/** The row that shows whether another page follows. Lists read it in addition to `limit` rows. */
const ROWS_AFTER_PAGE = 1;

/** Returns a function that charges for the rows that a list reads beyond those that its request has paid for. */
export function payForRows(limit: number, charge: Charge): PayForRows {
  let left = unitsOf({ rows: limit }) * ROWS_PER_UNIT + ROWS_AFTER_PAGE;
  let paid = true;
  return async (rows) => {
    left -= rows;
    if (left < 0) {
      const units = unitsOf({ rows: -left });
      left += units * ROWS_PER_UNIT;
      paid = await isPaid(charge(units));
    }
    return paid;
  };
}
