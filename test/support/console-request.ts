import type { Harness } from './harness';
import type { StoreRole } from './store-role';

export type Fields = Record<string, string>;

/** What a request for a page of the console sends. */
export interface SentToConsole {
  params?: Fields;
  /** Begins with `?`. */
  query?: string;
  /** The posted fields of a form. */
  fields?: Fields;
  /** Returns whether the form made its change. */
  wasDone?: () => Promise<boolean>;
}

export interface ConsoleRequest {
  route: string;
  needs: readonly StoreRole[];
  /** Creates the rows that the request is about. Each request that changes rows has its own. */
  prepare: (h: Harness) => Promise<SentToConsole> | SentToConsole;
}
