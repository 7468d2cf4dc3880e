import { tenantOf } from '../../shared/domain/ids';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import type { ApiContext } from '../context';
import { unitsOf } from './price';
import { PublicError } from './public-error';
import { requireAccess } from './require-caller';
import type { Call, KeyAuth, ParsedRoute } from './route';
import type { Admit } from './run-route';
import { validate } from './validate';

/** What a page sends to a route. */
export interface RouteInput {
  body?: unknown;
  query?: Record<string, string>;
  params?: Record<string, string>;
}

/** The request of the page, which the route reports as its own. */
export type PageRequest = Pick<Call<never, never, never>, 'requestId' | 'log' | 'ip'>;

/**
 * Calls a partner route in process with the same authorization, limits, validation and audit log as a request with the
 * key. Returns the body of the response. Throws what the route would answer with.
 */
export async function callRoute(
  { ctx, admit }: { ctx: ApiContext; admit: Admit },
  route: ParsedRoute,
  key: PresentedKey,
  { body, query = {}, params = {} }: RouteInput,
  request: PageRequest,
): Promise<unknown> {
  const auth = route.auth as KeyAuth;
  const units = unitsOf({ rows: auth.price?.rows?.(query, {}) ?? 0, ids: auth.price?.ids?.(body) ?? 0, bytes: 0 });
  const admission = await admit(key, auth, { units });
  requireAccess(admission.credential, auth);
  const call = {
    ctx,
    caller: {
      key,
      tenant: tenantOf(key.partnerId, key.env),
      admission,
      charge: async (more: number): Promise<void> => void (await admit(key, auth, { units: more, grant: 'credit' })),
    },
    staff: undefined,
    body: route.body && validate(route.body, body, 'body', route.check?.(ctx, body)),
    query: route.query && validate(route.query, query, 'query'),
    params: route.params && validate(route.params, params, 'path'),
    headers: {},
    ...request,
  };
  const answer = await route.handle(call as unknown as Call<never, never, never>);
  if (!('body' in answer)) throw new PublicError('INTERNAL', 'The page cannot show this response.');
  return answer.body;
}
