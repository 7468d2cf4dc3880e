import type { Request, RequestHandler } from 'express';
import type { Policy } from '../../shared/authz/credential';
import type { Admission } from '../../shared/authz/authorizer';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import { tenantOf } from '../../shared/domain/ids';
import type { CountedRequest } from '../../shared/domain/usage';
import { MirError } from '../../shared/errors';
import type { StaffSession } from '../accounts/staff-auth';
import type { ApiContext } from '../context';
import { requireAccess, requireAllowedIp, scopeFor } from './require-caller';
import { ADMIN_API, requireAdmin } from './admin-token';
import { type Answer, type Exchange, finish, openExchange } from './finish';
import { unitsOf } from './price';
import { PublicError } from './public-error';
import { rateHeaders, rateLimited } from './rate-headers';
import { MAX_BODY_BYTES } from './body-limits';
import { bodyKind, isSmallBody, parseForm, parseJson, readBody } from './read-body';
import { readKey } from './read-api-key';
import { requireSession } from './require-session';
import { type Call, type Caller, type KeyAuth, type ParsedRoute, type Route } from './route';
import { coalesce, type Coalesced } from '../../shared/concurrency/coalesce';
import { validate } from './validate';

const MAX_REQUESTS_PER_SCRIPT = 1_000;
/** A call with this many keys takes Redis a few milliseconds. */
const MAX_CHECKS_PER_SCRIPT = 50;

interface AdmitRequest {
  key: PresentedKey;
  auth: KeyAuth;
  units: number;
  /** See `Entry` in the authorizer. */
  grant: 'whole' | 'credit';
  counted?: CountedRequest | undefined;
  /** A key in the body that is checked with the same call. Only for requests that cost one unit. */
  contained?: PresentedKey | undefined;
}

export type Admit = (
  key: PresentedKey,
  auth: KeyAuth,
  cost?: Pick<AdmitRequest, 'units' | 'counted' | 'contained'> & { grant?: AdmitRequest['grant'] },
) => Promise<Admission>;

/** Returns the budget that a request draws on. Agents never draw on their partner's control budget. */
function policyOf(key: PresentedKey, { budget }: KeyAuth): Policy {
  return key.agent ? 'requests' : (budget ?? 'requests');
}

function costsTooMuch(units: number, { budget }: Admission): PublicError {
  return new PublicError(
    'BATCH_EXCEEDS_LIMIT',
    `The request costs ${units} units, more than your limit of ${budget!.smallest} per minute. Ask for less at once.`,
    { params: { budget } },
  );
}

/**
 * Returns a function that authorizes and charges requests. Requests with the same key, scope and budget that arrive in
 * the same event-loop tick share one Redis script call.
 */
export function createAdmit(ctx: ApiContext): Admit {
  const admitGroup = async (group: Coalesced<AdmitRequest, Admission>[]): Promise<void> => {
    const { key, auth } = group[0]!.item;
    const policy = policyOf(key, auth);
    // Requests that cost one unit share an entry.
    const isOne = ({ item }: Coalesced<AdmitRequest, Admission>): boolean => item.units === 1;
    const ones = group.filter(isOne);
    const others = group.filter((request) => !isOne(request));
    const counted = group.flatMap(({ item }) => item.counted ?? []);
    const contained = ones.flatMap(({ item }) => item.contained ?? []);
    const entries = [
      ...(ones.length > 0 ? [{ cost: ones.length, grant: 'part' as const, chunkIds: [] }] : []),
      ...others.map(({ item: { units, grant } }) => ({ cost: units, grant, chunkIds: [] })),
    ];
    const admission = await ctx.authorizer
      .authorize(key, policy, scopeFor(key, auth), entries, counted, contained)
      .catch((error: unknown) => {
        const isRedisDown = error instanceof MirError && error.code === 'OVERLOADED';
        if (!auth.availableWithoutRedis || !isRedisDown) throw error;
        return ctx.authorizer.authorizeFromStore(key, scopeFor(key, auth), counted);
      });
    const settle = ({ item, resolve, reject }: Coalesced<AdmitRequest, Admission>, granted: boolean): void => {
      if (granted) return resolve(admission);
      // On credit, a single unit suffices.
      const units = item.grant === 'credit' ? 1 : item.units;
      if (units > admission.budget!.smallest) return reject(costsTooMuch(units, admission));
      ctx.metrics.rateLimited[policy].inc();
      reject(rateLimited(admission, units));
    };
    const units = [...admission.granted];
    const grantedOnes = ones.length > 0 ? (units.shift() ?? ones.length) : 0;
    ones.forEach((request, n) => settle(request, n < grantedOnes));
    others.forEach((request, n) => settle(request, units[n] !== 0));
  };
  // The key includes `availableWithoutRedis`. Otherwise, while Redis is down, a kill could be rejected together with
  // requests that need Redis.
  const keyOf = ({ key, auth }: AdmitRequest): string =>
    `${key.hash} ${scopeFor(key, auth)} ${auth.availableWithoutRedis} ${policyOf(key, auth)}`;
  const admit = coalesce(admitGroup, { maxItems: MAX_REQUESTS_PER_SCRIPT, keyOf });
  const admitAndCheck = coalesce(admitGroup, { maxItems: MAX_CHECKS_PER_SCRIPT, keyOf });
  return (key, auth, { units, grant = 'whole', counted, contained } = { units: 1 }) =>
    (contained && units === 1 ? admitAndCheck : admit)({ key, auth, units, grant, counted, contained });
}

function hasNoBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

/** A body that was read: its JSON value, or the error to throw once the request is charged. */
type ReadJson = { bytes: number } & ({ json: unknown } | { error: unknown });

async function readJson({ bodyOptional, acceptsForm }: ParsedRoute, { req, res }: Exchange): Promise<ReadJson> {
  let bytes = 0;
  try {
    if (bodyOptional && hasNoBody(req)) return { bytes, json: {} };
    const kind = bodyKind(req, acceptsForm ? ['json', 'form'] : ['json']);
    const body = await readBody(req, res, MAX_BODY_BYTES);
    bytes = body.length;
    return { bytes, json: kind === 'form' ? parseForm(body) : parseJson(body) };
  } catch (error) {
    // An oversized body was read and decompressed only up to the limit.
    if (error instanceof MirError && error.code === 'BODY_TOO_LARGE') bytes = MAX_BODY_BYTES;
    return { bytes, error };
  }
}

/**
 * Authorizes and charges a request, and reads its body. A small body is read first, so that one script call charges for
 * everything. A larger body is read only after the caller has paid for its declared size; what it costs beyond that is
 * charged before it is validated.
 */
async function admitCaller(
  route: ParsedRoute,
  auth: KeyAuth,
  admit: Admit,
  exchange: Exchange,
): Promise<{ caller: Caller; body: ReadJson | null }> {
  const { req, headers, counted } = exchange;
  const key = readKey(req);
  const rows = auth.price?.rows?.({ ...req.query }, req.headers) ?? 0;
  const costOf = (body: ReadJson | null, bytes: number): number =>
    unitsOf({ rows, bytes, ids: body && 'json' in body ? (auth.price?.ids?.(body.json) ?? 0) : 0 });
  const charge = async (
    units: number,
    grant: 'whole' | 'credit',
    from: KeyAuth,
    contained?: PresentedKey,
  ): Promise<Admission> => {
    const admission = await admit(key, from, { units, grant, counted, contained });
    if (policyOf(key, from) === policyOf(key, auth)) Object.assign(headers, rateHeaders(admission));
    return admission;
  };

  let body = route.body && isSmallBody(req) ? await readJson(route, exchange) : null;
  const declaredBytes = route.body ? Math.min(Number(req.headers['content-length'] ?? 0), MAX_BODY_BYTES) : 0;
  const paid = costOf(body, declaredBytes);
  const tenant = tenantOf(key.partnerId, key.env);
  const contained = body && 'json' in body ? (auth.containedKey?.(body.json, tenant) ?? undefined) : undefined;
  let admission = await charge(paid, 'whole', auth, contained);
  requireAllowedIp(admission.credential, key);
  requireAccess(admission.credential, auth);
  if (route.body && !body) {
    body = await readJson(route, exchange);
    const cost = costOf(body, body.bytes);
    if (admission.budget && cost > admission.budget.smallest) throw costsTooMuch(cost, admission);
    if (cost > paid) admission = await charge(cost - paid, 'whole', auth);
  }
  // Further work draws on the requests budget.
  const { budget: _own, ...rest } = auth;
  const chargeMore = async (units: number): Promise<void> => void (await charge(units, 'credit', rest));
  return { caller: { key, tenant, admission, charge: chargeMore }, body };
}

const NO_CALLER = undefined as unknown as Caller;
const NO_STAFF = undefined as unknown as StaffSession;

/** Authorizes and charges a request, validates its input, and calls the handler. */
async function runParsed(ctx: ApiContext, route: ParsedRoute, admit: Admit, exchange: Exchange): Promise<Answer> {
  const { req, requestId } = exchange;
  const { auth } = route;
  if (auth.kind === 'admin') await requireAdmin(ctx, req);
  const staff = auth.kind === 'staff' ? await requireSession(ctx, req, auth) : NO_STAFF;
  const { caller, body: read } =
    auth.kind === 'key'
      ? await admitCaller(route, auth, admit, exchange)
      : { caller: NO_CALLER, body: route.body ? await readJson(route, exchange) : null };
  if (read && 'error' in read) throw read.error;
  const call = {
    ctx,
    caller,
    staff,
    operator: ADMIN_API,
    body: route.body && read && validate(route.body, read.json, 'body', route.check?.(ctx, read.json)),
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
export function runRoute(ctx: ApiContext, route: Route, admit: Admit): RequestHandler {
  const handle = route.rawBody
    ? route.createHandler(ctx)
    : (exchange: Exchange): Promise<Answer> => runParsed(ctx, route, admit, exchange);
  const group = route.tag.toLowerCase();
  return (req, res) => {
    const exchange = openExchange(req, res, group);
    finish(ctx, exchange, handle(exchange));
  };
}
