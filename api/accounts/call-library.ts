import { withDeadline } from '../../shared/concurrency/deadline';
import { MirError, storeUnavailable } from '../../shared/errors';
import { isStoreOutage } from '../../shared/store/errors';

/** Must exceed the duration of the slowest call: one that waits to hash a password while the database is slow. */
const CALL_TIMEOUT_MS = 15_000;

/** Runs a better-auth call. `codes` maps expected error codes to results. */
export type LibraryCall<Api> = <T, R extends string = never>(
  work: (api: Api) => Promise<T>,
  codes?: Record<string, R>,
) => Promise<T | R>;

/** Returns the code of a better-auth error, or null for any other error. */
function codeOf(error: unknown): string | null {
  const { name, body } = error as { name?: string; body?: { code?: string } };
  return name === 'APIError' ? (body?.code ?? 'UNKNOWN') : null;
}

/** Returns an error that is safe to log. Driver messages may quote stored rows, so only names and codes are kept. */
export function loggable(error: unknown): MirError {
  if (error instanceof MirError) return error;
  let deepest = error as { name?: string; code?: string | number; cause?: unknown };
  while (deepest.cause instanceof Error) deepest = deepest.cause;
  const isStoreError =
    deepest.name?.startsWith('Mongo') || isStoreOutage(deepest) || codeOf(error)?.startsWith('FAILED_TO');
  const cause = new Error(`accounts: ${deepest.name ?? 'error'} ${codeOf(error) ?? deepest.code ?? ''}`);
  return isStoreError ? storeUnavailable(cause) : new MirError('INTERNAL', 'the accounts library failed', { cause });
}

/**
 * Returns a function that creates the better-auth instance on its first call. If creation fails, the next call retries.
 */
export function buildOnFirstUse<Library>(build: () => Promise<Library>): () => Promise<Library> {
  let building: Promise<Library> | null = null;
  return () => {
    building ??= build().catch((error: unknown) => {
      building = null;
      throw error;
    });
    return building;
  };
}

/** Returns a function that runs library calls with a deadline. `codes` maps expected error codes to results. */
export function createCaller<Library extends { api: unknown }>(
  library: () => Promise<Library>,
  onTimeout: () => Error,
): LibraryCall<Library['api']> {
  return async <T, R extends string = never>(
    work: (api: Library['api']) => Promise<T>,
    codes: Record<string, R> = {},
  ): Promise<T | R> => {
    try {
      const call = library().then(({ api }: Library) => work(api));
      return await withDeadline(call, CALL_TIMEOUT_MS, onTimeout);
    } catch (error) {
      const known = codes[codeOf(error) ?? ''];
      if (known !== undefined) return known;
      throw loggable(error);
    }
  };
}
