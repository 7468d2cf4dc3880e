import { openOperatorSession } from '../../api/web/console/queues/session';
import { csrfTokenOf } from '../../api/web/http/csrf-token';
import { boardPaths, CONSOLE_REQUESTS } from './console-requests';
import { ADMIN_TOKEN, type Harness } from './harness';
import { PASSWORD } from './people';
import { portalRequests } from './portal-requests';
import { BOTH, type CallOptions, callOf, NONE, QUEUE, type RouteCall, STORE } from './route-call';
import type { Prepared } from './route-fixtures';
import type { PortalFixtures } from './staff-calls';
import type { StoreRole } from './store-role';

/** Returns the requests for pages. */
export async function pageCalls(
  h: Harness,
  prepared: Prepared,
  { operator: operators, ...portal }: PortalFixtures,
): Promise<RouteCall[]> {
  const { ctx, url } = h;
  const { webSession, ana, bea, links, emails, tokens, oidc, ids } = prepared;
  const tenant = { partnerId: prepared.partner.partnerId, env: 'live' };
  const cookieOf = (session: string | null): string =>
    [`mir_visitor=${webSession}`, ...(session === null ? [] : [session])].join('; ');
  const open = (route: string, needs: readonly StoreRole[], options: CallOptions = {}, session: string | null = null) =>
    callOf(route, needs, '', {
      ...options,
      headers: { accept: 'text/html', cookie: cookieOf(session), ...options.headers },
    });
  const post = (
    route: string,
    needs: readonly StoreRole[],
    fields: Record<string, string>,
    session: { id: string | null; cookie: string } | null = null,
    params: Record<string, string> = {},
  ): RouteCall => {
    const form_token = csrfTokenOf(ctx.secrets, { sessionId: session?.id ?? null, visitor: webSession });
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      origin: url,
      'sec-fetch-site': 'same-origin',
    };
    const body = new URLSearchParams({ form_token, ...fields }).toString();
    return open(route, needs, { params, headers, body }, session?.cookie ?? null);
  };
  const operator = openOperatorSession(ctx, Date.now()).split(';')[0]!;
  const consoleCalls: RouteCall[] = [];
  // One at a time, as in `prepareRoutes`.
  for (const { route, needs, prepare } of CONSOLE_REQUESTS) {
    const { fields, params = {}, query = '' } = await prepare(h);
    consoleCalls.push(
      fields ? post(route, needs, fields, operators, params) : open(route, needs, { params, query }, operators.cookie),
    );
  }
  return [
    open('GET /', NONE),
    open('GET /signup', NONE),
    post('POST /signup', BOTH, { email: emails.unknown }),
    open('GET /verify', STORE, { query: `?token=${tokens.verifyShown}` }),
    post('POST /verify', BOTH, { token: tokens.verifyUsed, password: PASSWORD }),
    open('GET /verify/resend', NONE),
    post('POST /verify/resend', BOTH, { email: emails.unconfirmed }),
    open('GET /login', NONE),
    post('POST /login', BOTH, { email: ana.email, password: PASSWORD }),
    post('POST /logout', STORE, {}, ana.second),
    open('GET /login/oidc', QUEUE),
    open('GET /login/oidc/callback', BOTH, { query: oidc.query, headers: { cookie: oidc.cookie } }),
    open('GET /forgot', NONE),
    post('POST /forgot', BOTH, { email: ana.email }),
    open('GET /reset', STORE, { query: `?token=${tokens.resetShown}` }),
    post('POST /reset', BOTH, { token: tokens.resetUsed, password: PASSWORD }),
    ...['GET /partners', 'GET /partners/apply', 'GET /partners/status'].map((route) => open(route, NONE)),
    post('POST /partners/apply', BOTH, ids.application as Record<string, string>),
    post('POST /partners/status', BOTH, { ...ids.confirmedApplication }),
    open('GET /partners/applications/confirm', STORE, { query: `?token=${tokens.applicationShown}` }),
    post('POST /partners/applications/confirm', BOTH, { token: tokens.applicationUsed }),
    open('GET /outbox', STORE, {}, ana.session.cookie),
    open('GET /link', STORE, {}, ana.session.cookie),
    post('POST /link', BOTH, { code: links.code }, ana.session),
    open('GET /link/:token', STORE, { params: { token: links.shown } }, ana.session.cookie),
    post('POST /link/:token', STORE, { decision: 'connect' }, ana.session, { token: links.confirmed }),
    open('GET /account', STORE, {}, ana.session.cookie),
    open('GET /account/export', BOTH, {}, ana.session.cookie),
    open('GET /account/delete', STORE, {}, ana.session.cookie),
    post('POST /account/delete', BOTH, { password: PASSWORD }, bea.session),
    open('GET /account/links/:linkId', STORE, { params: { linkId: links.kept } }, ana.session.cookie),
    post('POST /account/links/:linkId', STORE, {}, ana.session, { linkId: links.removed }),
    open('GET /portal/login', NONE),
    post('POST /portal/login', BOTH, { email: portal.email, password: PASSWORD }),
    post('POST /portal/logout', BOTH, {}, portal.loggedOut),
    open('GET /portal/login/oidc', QUEUE),
    open('GET /portal/login/oidc/callback', BOTH, {
      query: portal.oidc.query,
      headers: { cookie: portal.oidc.cookie },
    }),
    open('GET /portal/invitation', STORE, { query: `?token=${portal.tokens.invitationShown}` }),
    post('POST /portal/invitation', BOTH, { token: portal.tokens.invitationUsed, name: 'Any', password: PASSWORD }),
    open('GET /portal/forgot', NONE),
    post('POST /portal/forgot', BOTH, { email: emails.unknown }),
    open('GET /portal/reset', STORE, { query: `?token=${portal.tokens.resetShown}` }),
    post('POST /portal/reset', BOTH, { token: portal.tokens.resetUsed, password: PASSWORD }),
    post('POST /portal/account/sessions/end', BOTH, { session: portal.endedId }, portal.session),
    ...portal.account.map(({ route, needs, query = '', fields, session }) => {
      if (!fields) return open(route, needs, { query }, session?.cookie);
      const call = (): RouteCall => post(route, needs, fields(), session);
      return Object.defineProperty(call(), 'body', { get: () => call().body, enumerable: true });
    }),
    ...consoleCalls,
    ...portalRequests(prepared, portal).map(([route, needs, { query = '', fields }]) =>
      fields
        ? post(route, needs, fields, portal.session, tenant)
        : open(route, needs, { params: tenant, query }, portal.session.cookie),
    ),
    open('GET /guide', NONE),
    open('GET /runbook', NONE, {}, ana.session.cookie),
    open('GET /errors/:code', NONE, { params: { code: 'RATE_LIMITED' } }),
    open('GET /admin/login', NONE),
    open('GET /admin/login', QUEUE, {}, operator),
    post('POST /admin/login', NONE, { token: ADMIN_TOKEN }),
    open('GET /admin/logout', NONE, {}, operator),
    post('POST /admin/logout', QUEUE, {}, { id: null, cookie: openOperatorSession(ctx, Date.now()).split(';')[0]! }),
  ];
}

/** Returns the read requests that the queues page makes, for each of its places. */
export function boardCalls({ ctx }: Harness, { ids }: Prepared, { operator }: PortalFixtures): RouteCall[] {
  const places = [
    { base: '/admin/queues', cookie: openOperatorSession(ctx, Date.now()).split(';')[0]!, needs: QUEUE },
    { base: '/console/queues', cookie: operator.cookie, needs: BOTH },
  ];
  return places.flatMap(({ base, cookie, needs }) =>
    boardPaths(ids.deadLetters[0]!).map((path) => {
      const accept = path === '' ? 'text/html' : 'application/json';
      return callOf(`GET ${base}${path}`, needs, '', { headers: { cookie, accept } });
    }),
  );
}
