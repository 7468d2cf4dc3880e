import { tenantOf } from '../../shared/domain/ids';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import type { OperatorActor } from '../../shared/store/audit';
import type { StaffSession } from '../accounts/staff-auth';
import type { ApiContext } from '../context';
import { unitsOf } from './price';
import { PublicError } from './public-error';
import { requireAccess } from './require-caller';
import { checkSession } from './require-session';
import type { Call, KeyAuth, ParsedRoute } from './route';
import type { Admit } from './run-route';
import { validate } from './validate';

/** The context of the process, and how the call is admitted. */
export interface RouteCaller {
  ctx: ApiContext;
  admit: Admit;
  /** Draws on the control budget, so that the call works while the requests budget is used up. */
  urgent?: boolean | undefined;
}

/** What a page sends to a route. */
export interface RouteInput {
  body?: unknown;
  query?: Record<string, string>;
  params?: Record<string, string>;
  /** Makes the route act once, however often the form is submitted. */
  idempotencyKey?: string | undefined;
}

type AnyCall = Call<never, never, never>;

/** The request of the page, which the route reports as its own. */
export type PageRequest = Pick<AnyCall, 'requestId' | 'log' | 'ip'>;

async function handle(
  ctx: ApiContext,
  route: ParsedRoute,
  caller: Partial<Pick<AnyCall, 'caller' | 'operator' | 'staff'>>,
  { body, query = {}, params = {}, idempotencyKey }: RouteInput,
  request: PageRequest,
): Promise<unknown> {
  const call = {
    ctx,
    ...caller,
    body: route.body && validate(route.body, body, 'body', route.check?.(ctx, body)),
    query: route.query && validate(route.query, query, 'query'),
    params: route.params && validate(route.params, params, 'path'),
    headers: idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
    ...request,
  };
  const answer = await route.handle(call as unknown as AnyCall);
  if (!('body' in answer)) throw new PublicError('INTERNAL', 'The page cannot show this response.');
  return answer.body;
}

/**
 * Calls a partner route in process with the same authorization, limits, validation and audit log as a request with the
 * key. Returns the body of the response. Throws what the route would answer with.
 */
export async function callRoute(
  { ctx, admit, urgent = false }: RouteCaller,
  route: ParsedRoute,
  key: PresentedKey,
  input: RouteInput,
  request: PageRequest,
): Promise<unknown> {
  const auth = route.auth as KeyAuth;
  const { body, query = {} } = input;
  const units = unitsOf({ rows: auth.price?.rows?.(query, {}) ?? 0, ids: auth.price?.ids?.(body) ?? 0, bytes: 0 });
  // As in the API, further work draws on the requests budget.
  const { budget: _own, ...rest } = auth;
  const admission = await admit(key, urgent ? { ...auth, budget: 'control' } : auth, { units });
  requireAccess(admission.credential, auth);
  const caller = {
    key,
    tenant: tenantOf(key.partnerId, key.env),
    admission,
    charge: async (more: number): Promise<void> => void (await admit(key, rest, { units: more, grant: 'credit' })),
  };
  return handle(ctx, route, { caller }, input, request);
}

/**
 * Calls a route of the admin API in process for an operator, whom the audit log then names. The caller has checked the
 * operator's right. Returns the body of the response. Throws what the route would answer with.
 */
export async function callAdminRoute(
  ctx: ApiContext,
  route: ParsedRoute,
  operator: OperatorActor,
  input: RouteInput,
  request: PageRequest,
): Promise<unknown> {
  if (route.auth.kind !== 'admin') throw new Error(`${route.operationId} is not a route of the admin API`);
  return handle(ctx, route, { operator }, input, request);
}

/**
 * Calls a route about a staff account in process, with the same limits, validation and audit log as a request with the
 * session's token. Returns the body of the response. Throws what the route would answer with.
 */
export async function callStaffRoute(
  ctx: ApiContext,
  route: ParsedRoute,
  staff: StaffSession,
  input: RouteInput,
  request: PageRequest,
): Promise<unknown> {
  if (route.auth.kind !== 'staff') throw new Error(`${route.operationId} is not a route about a staff account`);
  await checkSession(ctx, staff, route.auth);
  return handle(ctx, route, { staff }, input, request);
}
