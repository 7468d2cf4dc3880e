import type { Request, RequestHandler } from 'express';
import type { Policy } from '../../shared/authz/credential';
import type { Admission } from '../../shared/authz/authorizer';
import type { ParsedApiKey } from '../../shared/domain/api-key';
import { tenantOf } from '../../shared/domain/ids';
import { MirError } from '../../shared/errors';
import type { ApiContext } from '../context';
import { requireAccess } from './require-caller';
import { requireAdmin } from './admin-token';
import { type Answer, type Exchange, finish, openExchange } from './finish';
import { rateHeaders, rateLimited } from './rate-headers';
import { MAX_BODY_BYTES } from './body-limits';
import { bodyKind, parseJson, readBody } from './read-body';
import { readKey } from './read-api-key';
import { type Call, type Caller, type KeyAuth, type ParsedRoute, type Route } from './route';
import { coalesce, type Coalesced } from '../../shared/concurrency/coalesce';
import { validate } from './validate';

const MAX_REQUESTS_PER_SCRIPT = 1_000;

interface AdmitRequest {
  key: ParsedApiKey;
  auth: KeyAuth;
}

/** Returns the budget that a request draws on. Agents never draw on their partner's control budget. */
function policyOf(key: ParsedApiKey, { budget }: KeyAuth): Policy {
  return key.agent ? 'requests' : (budget ?? 'requests');
}

/**
 * Returns a function that authorizes and charges requests. Requests with the same key, scope and budget that arrive in
 * the same event-loop tick share one Redis script call.
 */
export function createAdmit(ctx: ApiContext): (key: ParsedApiKey, auth: KeyAuth) => Promise<Admission> {
  const admitGroup = async (group: Coalesced<AdmitRequest, Admission>[]): Promise<void> => {
    const { key, auth } = group[0]!.item;
    const policy = policyOf(key, auth);
    const admission = await ctx.authorizer
      .authorize(key, policy, auth.scope, [{ cost: group.length, grant: 'part', chunkIds: [] }])
      .catch((error: unknown) => {
        const isRedisDown = error instanceof MirError && error.code === 'OVERLOADED';
        if (!auth.availableWithoutRedis || !isRedisDown) throw error;
        return ctx.authorizer.authorizeFromStore(key, auth.scope);
      });
    const granted = admission.granted[0] ?? group.length;
    group.forEach(({ resolve, reject }, n) => {
      if (n < granted) return resolve(admission);
      ctx.metrics.rateLimited[policy].inc();
      reject(rateLimited(admission, 1));
    });
  };
  const admit = coalesce(admitGroup, {
    maxItems: MAX_REQUESTS_PER_SCRIPT,
    // The key includes `availableWithoutRedis`. Otherwise, while Redis is down, a kill could be rejected together with
    // requests that need Redis.
    keyOf: ({ key, auth }) => `${key.hash} ${auth.scope} ${auth.availableWithoutRedis} ${policyOf(key, auth)}`,
  });
  return (key, auth) => admit({ key, auth });
}

function hasNoBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

const NO_CALLER = undefined as unknown as Caller;

/** Authorizes and charges a request, validates its input, and calls the handler. */
async function runParsed(
  ctx: ApiContext,
  route: ParsedRoute,
  admit: ReturnType<typeof createAdmit>,
  { req, res, requestId, headers }: Exchange,
): Promise<Answer> {
  let caller = NO_CALLER;
  if (route.auth.kind === 'admin') await requireAdmin(ctx, req);
  if (route.auth.kind === 'key') {
    const key = readKey(req);
    const admission = await admit(key, route.auth);
    Object.assign(headers, rateHeaders(admission));
    requireAccess(admission.credential, route.auth);
    caller = { key, tenant: tenantOf(key.partnerId, key.env), admission };
  }
  let body: unknown;
  if (route.body) {
    const isMissing = route.bodyOptional && hasNoBody(req);
    if (!isMissing) bodyKind(req, ['json']);
    const json = isMissing ? {} : parseJson(await readBody(req, res, MAX_BODY_BYTES));
    body = validate(route.body, json, 'body', route.check?.(ctx, json));
  }
  const call = {
    ctx,
    caller,
    body,
    query: route.query && validate(route.query, { ...req.query }, 'query'),
    params: route.params && validate(route.params, { ...req.params }, 'path'),
    requestId,
    log: ctx.log,
    ip: req.ip ?? 'unknown',
    headers: req.headers,
  };
  return route.handle(call as Call<never, never, never>);
}

/** Returns the Express handler of a route. */
export function runRoute(ctx: ApiContext, route: Route, admit: ReturnType<typeof createAdmit>): RequestHandler {
  const handle = route.rawBody
    ? route.createHandler(ctx)
    : (exchange: Exchange): Promise<Answer> => runParsed(ctx, route, admit, exchange);
  return (req, res) => {
    const exchange = openExchange(req, res);
    finish(ctx, exchange, handle(exchange));
  };
}
