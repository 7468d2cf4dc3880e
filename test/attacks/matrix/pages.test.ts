import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CONSOLE_PAGES } from '../../../api/web/console/pages';
import { openOperatorSession } from '../../../api/web/console/queues/session';
import { csrfTokenOf } from '../../../api/web/http/csrf-token';
import { ACCOUNT_PAGES } from '../../../api/web/portal/account/pages';
import { MEMBER_PAGES } from '../../../api/web/portal/pages';
import { PAGES } from '../../../api/web/routes';
import { staffCookie } from '../../../api/accounts/staff-cookie';
import { endSession } from '../../../api/staff/end-sessions';
import { insertMember } from '../../support/staff';
import { everyRoute } from '../../support/every-route';
import type { RouteCall } from '../../support/route-call';
import { ADMIN_TOKEN, type Harness } from '../../support/harness';
import { oidcServers } from '../../support/oidc-server';
import { confirmedAccount, PASSWORD, startHarnessForPeople, tokenIn } from '../../support/people';
import { changedOwners, fingerprint } from './fingerprint';
import { sendPage, visitorOfCall, withoutSession, withToken } from './page-requests';
import { unique } from './resources';

/**
 * Who may use a page. Visitors without a session are redirected from pages for people to `/login`, or to the invitation
 * that they want to decide on.
 */
const ACCESS: Record<string, 'anyone' | 'person' | 'staff' | 'operator'> = {
  'GET /': 'anyone',
  'GET /signup': 'anyone',
  'POST /signup': 'anyone',
  'GET /verify': 'anyone',
  'POST /verify': 'anyone',
  'GET /verify/resend': 'anyone',
  'POST /verify/resend': 'anyone',
  'GET /login': 'anyone',
  'POST /login': 'anyone',
  'POST /logout': 'anyone',
  'GET /login/oidc': 'anyone',
  'GET /login/oidc/callback': 'anyone',
  'GET /forgot': 'anyone',
  'POST /forgot': 'anyone',
  'GET /reset': 'anyone',
  'POST /reset': 'anyone',
  'GET /partners/applications/confirm': 'anyone',
  'POST /partners/applications/confirm': 'anyone',
  'GET /partners': 'anyone',
  'GET /partners/apply': 'anyone',
  'POST /partners/apply': 'anyone',
  'GET /partners/status': 'anyone',
  'POST /partners/status': 'anyone',
  'GET /outbox': 'anyone',
  'GET /link': 'person',
  'POST /link': 'person',
  'GET /link/:token': 'anyone',
  'POST /link/:token': 'person',
  'GET /account': 'person',
  'GET /account/export': 'person',
  'GET /account/delete': 'person',
  'POST /account/delete': 'person',
  'GET /account/links/:linkId': 'person',
  'POST /account/links/:linkId': 'person',
  'GET /portal/login': 'anyone',
  'POST /portal/login': 'anyone',
  'POST /portal/logout': 'anyone',
  'GET /portal/login/oidc': 'anyone',
  'GET /portal/login/oidc/callback': 'anyone',
  'GET /portal/invitation': 'anyone',
  'POST /portal/invitation': 'anyone',
  'GET /portal/forgot': 'anyone',
  'POST /portal/forgot': 'anyone',
  'GET /portal/reset': 'anyone',
  'POST /portal/reset': 'anyone',
  'GET /portal/login/passkey': 'anyone',
  'POST /portal/login/passkey': 'anyone',
  ...Object.fromEntries(ACCOUNT_PAGES.map(({ method, path }) => [`${method} ${path}`, 'staff' as const])),
  'GET /portal/confirm': 'staff',
  'POST /portal/confirm': 'staff',
  ...Object.fromEntries(MEMBER_PAGES.map(({ method, path }) => [`${method} ${path}`, 'staff' as const])),
  ...Object.fromEntries(CONSOLE_PAGES.map(({ method, path }) => [`${method} ${path}`, 'operator' as const])),
  'GET /guide': 'anyone',
  'GET /errors/:code': 'anyone',
  'GET /runbook': 'anyone',
  'GET /admin/login': 'anyone',
  'POST /admin/login': 'anyone',
  'GET /admin/logout': 'anyone',
  'POST /admin/logout': 'anyone',
};

/** Each page has rows of its own, which are created one after the other. */
const SETUP_TIMEOUT_MS = 180_000;

const oidcServer = oidcServers();
let mir: Harness;
let calls: RouteCall[];
let credentials: { name: string; cookie?: string; headers?: Record<string, string> }[];

beforeAll(async () => {
  const provider = await oidcServer();
  mir = await startHarnessForPeople({
    workers: false,
    env: {
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: provider.clientId,
      OIDC_CLIENT_SECRET: provider.clientSecret,
    },
  });
  calls = await everyRoute(mir, provider);
  credentials = await newCredentials();
}, SETUP_TIMEOUT_MS);
afterAll(() => mir.close());

async function sessionOf(email: string): Promise<string> {
  const result = await mir.ctx.auth.logIn(email, PASSWORD);
  if (typeof result === 'string') throw new Error(`the login failed: ${result}`);
  return result.cookies.map((one) => one.split(';')[0]).join('; ');
}

async function endedStaffSession(): Promise<string> {
  const { staffId } = await insertMember(mir, (await mir.partner()).partnerId);
  const started = await mir.ctx.staffAuth.startSession(staffId, undefined);
  await endSession(mir.ctx, staffId, started.session.sessionId);
  return staffCookie(mir.ctx, started).split(';')[0]!;
}

/** Returns credentials that log in neither a person nor a member. */
async function newCredentials(): Promise<typeof credentials> {
  const { ctx } = mir;
  const emails = [1, 2, 3].map(() => `${unique()}@example.org`);
  for (const email of emails) await confirmedAccount(mir, email);
  const [loggedOut, reset, valid] = await Promise.all(emails.map(sessionOf));
  await ctx.auth.logOut(loggedOut!);
  await ctx.auth.reset(await tokenIn(mir, await ctx.auth.askReset(emails[1]!)), PASSWORD);
  const operator = openOperatorSession(ctx, Date.now()).split(';')[0]!;
  const { liveKey } = await mir.partner();
  return [
    { name: 'nothing' },
    { name: 'a session that was logged out', cookie: loggedOut! },
    { name: 'a session from before a password reset', cookie: reset! },
    { name: 'an altered session', cookie: valid!.replace(/mir_session=./, 'mir_session=_') },
    { name: 'a session without its signature', cookie: valid!.split('.')[0]! },
    { name: 'an operator session', cookie: operator },
    { name: 'a session of a staff account that has ended', cookie: await endedStaffSession() },
    { name: 'an API key', headers: { 'x-api-key': liveKey } },
    { name: 'a bearer token', headers: { authorization: `Bearer ${liveKey}` } },
    { name: 'an API key in both headers', headers: { authorization: `Bearer ${liveKey}`, 'x-api-key': liveKey } },
    { name: 'the admin token', headers: { 'x-admin-token': ADMIN_TOKEN } },
  ];
}

/** Returns where a page sends visitors without a session. */
function targetOf(path: string): RegExp {
  if (path.startsWith('/portal') || path.startsWith('/console')) return /^\/portal\/login$/;
  return path === '/link/:token' ? /^\/link\/[\w-]+$/ : /^\/login\?next=/;
}

const callsOf = (method: string, path: string): RouteCall[] =>
  calls.filter(({ route }) => route === `${method} ${path}`);
const closedPages = PAGES.filter(({ method, path }) => ACCESS[`${method} ${path}`] !== 'anyone');

describe('every page', () => {
  it.each(PAGES.map(({ method, path }) => [method, path] as const))(
    'has a known audience and a request that succeeds: %s %s',
    (method, path) => {
      // A new page needs an entry in ACCESS and a request in test/support/every-route.ts.
      expect(['anyone', 'person', 'staff', 'operator']).toContain(ACCESS[`${method} ${path}`]);
      expect(callsOf(method, path).length).toBeGreaterThan(0);
    },
  );

  it.each(closedPages.map(({ method, path }) => [method, path] as const))(
    'redirects every caller without a valid session and does nothing: %s %s',
    async (method, path) => {
      const before = await fingerprint(mir);
      for (const call of callsOf(method, path)) {
        for (const { name, cookie, headers } of credentials) {
          const anonymous = withoutSession(mir, call, cookie);
          const response = await sendPage(mir, { ...anonymous, headers: { ...anonymous.headers, ...headers } });
          const target = targetOf(path);
          expect([name, response.status, response.headers.get('location')]).toEqual([
            name,
            303,
            expect.stringMatching(target),
          ]);
        }
      }
      expect(changedOwners(before, await fingerprint(mir))).toEqual([]);
    },
  );

  it.each(['GET', 'POST'])("hides another person's connection like one that does not exist: %s", async (method) => {
    const [mine] = callsOf(method, '/account/links/:linkId');
    const [bea] = callsOf('POST', '/account/delete');
    const before = await fingerprint(mir);
    const token = new URLSearchParams(bea!.body).get('form_token');
    const as = async (path: string) => {
      const body = method === 'POST' ? withToken({ ...mine!, body: '' }, token) : {};
      const { status, html } = await sendPage(mir, { ...mine!, path, ...body, headers: cookiesOf(mine!, bea!) });
      return [status, html.replaceAll(/[0-9a-f-]{36}/g, '<request>')];
    };
    const foreign = await as(mine!.path);
    expect(foreign[0]).toBe(404);
    expect(foreign).toEqual(await as(mine!.path.slice(0, -4) + '0000'));
    expect(changedOwners(before, await fingerprint(mir))).toEqual([]);
  });
});

/** Returns the headers of one call with the cookies of another. */
const cookiesOf = ({ headers }: RouteCall, other: RouteCall): Record<string, string> => ({
  ...headers,
  cookie: other.headers['cookie']!,
});

describe('every form', () => {
  const forms = PAGES.filter(({ method }) => method === 'POST').map(({ path }) => path);
  const origin = () => new URL(mir.url).origin;
  const sessionToken = (sessionId: string | null, visitor: string): string =>
    csrfTokenOf(mir.ctx.secrets, { sessionId, visitor });
  const stranger = randomBytes(16).toString('base64url');

  const attacks: [string, number, (call: RouteCall) => Partial<RouteCall>][] = [
    ['no token', 403, (call) => withToken(call, null)],
    ['an empty token', 403, (call) => withToken(call, '')],
    ['a made-up token', 403, (call) => withToken(call, 'x'.repeat(43))],
    ["another visitor's token", 403, (call) => withToken(call, sessionToken(null, stranger))],
    ["another session's token", 403, (call) => withToken(call, sessionToken('another-session', visitorOfCall(call)))],
    [
      'the token in the query instead of the body',
      403,
      (call) => ({
        ...withToken(call, null),
        path: `${call.path}?form_token=${new URLSearchParams(call.body).get('form_token')}`,
      }),
    ],
    ['a foreign origin', 403, ({ headers }) => ({ headers: { ...headers, origin: 'https://evil.example' } })],
    ['a similar origin', 403, ({ headers }) => ({ headers: { ...headers, origin: `${origin()}.evil.example` } })],
    ['a null origin from another site', 403, (call) => withSite(call, 'cross-site', 'null')],
    ['a cross-site request', 403, (call) => withSite(call, 'cross-site', origin())],
    ['a same-site request', 403, (call) => withSite(call, 'same-site', origin())],
    ['a navigation by the person', 403, (call) => withSite(call, 'none', origin())],
    ['text/plain', 415, (call) => ({ headers: { ...call.headers, 'content-type': 'text/plain' } })],
    ['JSON', 415, (call) => ({ headers: { ...call.headers, 'content-type': 'application/json' } })],
    [
      'multipart/form-data',
      415,
      (call) => ({ headers: { ...call.headers, 'content-type': 'multipart/form-data; boundary=x' } }),
    ],
  ];
  const withSite = ({ headers }: RouteCall, site: string, from: string): Partial<RouteCall> => ({
    headers: { ...headers, origin: from, 'sec-fetch-site': site },
  });

  it.each(forms)('is rejected unless a page of MIR sent it, and then does nothing: %s', async (path) => {
    const before = await fingerprint(mir);
    for (const call of callsOf('POST', path)) {
      for (const [name, status, change] of attacks) {
        const response = await sendPage(mir, { ...call, ...change(call) });
        expect([name, response.status, response.headers.getSetCookie()]).toEqual([name, status, []]);
        if (status === 403) expect(response.html).toContain('Nothing was changed');
      }
    }
    expect(changedOwners(before, await fingerprint(mir))).toEqual([]);
  });
});

describe('controls', () => {
  it('shows a person their own connection, and every page and form succeeds with its own session', async () => {
    const failed: string[] = [];
    for (const call of calls.filter(({ route }) => Object.hasOwn(ACCESS, route))) {
      const { status, headers } = await sendPage(mir, call);
      const target = headers.get('location') ?? '';
      const isLoggedOut = ACCESS[call.route] !== 'anyone' && /^\/(login\?next=|portal\/login$)/.test(target);
      if (status >= 400 || isLoggedOut) failed.push(`${call.route}: ${status} ${headers.get('location')}`);
    }
    expect(failed).toEqual([]);
  });
});

describe.each([
  { base: '/admin/queues', logIn: '/admin/login', own: 'an operator session' },
  { base: '/console/queues', logIn: '/portal/login', own: null },
])('the queues page at $base', ({ base, logIn, own }) => {
  it('is closed to everyone but an operator with a session that was not ended', async () => {
    const board = calls.filter(({ route }) => route.startsWith(`GET ${base}`));
    expect(board.length).toBeGreaterThan(5);
    const { cookie } = calls.find(({ route }) => route === 'POST /admin/logout')!.headers;
    for (const call of board) {
      const isApi = call.path.includes('/api/');
      const denied = isApi ? [401, null] : [303, logIn];
      const others = credentials.filter(({ name }) => name !== own);
      for (const one of [...others, { name: 'an ended operator session', cookie: cookie! }]) {
        const headers = { accept: call.headers['accept']!, cookie: one.cookie ?? '', ...one.headers };
        const response = await sendPage(mir, { ...call, headers });
        expect([one.name, response.status, response.headers.get('location')]).toEqual([one.name, ...denied]);
      }
      expect((await sendPage(mir, call)).status).toBe(200);
    }
  });
});
