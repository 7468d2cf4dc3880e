import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CSRF_TOKEN_FIELD } from '../../../../api/web/design/form';
import { PAGES } from '../../../../api/web/routes';
import { type Harness, startHarness } from '../../../support/harness';
import {
  confirmedAccount,
  logIn,
  loggedIn,
  PASSWORD,
  signedInAs,
  signUpAndConfirm,
  anonymousSession,
  startHarnessForPeople,
} from '../../../support/people';
import { newBrowserSession, type BrowserSession } from '../../../support/browser-session';

/** Pages whose URL can carry a token: of a mailed link, of an invite (also within `next`), of the provider's answer. */
const TOKEN_PAGES = new Set([
  '/signup',
  '/verify',
  '/verify/resend',
  '/login',
  '/login/oidc',
  '/login/oidc/callback',
  '/forgot',
  '/reset',
  '/link/:token',
]);

let h: Harness;
let people = 0;
let email: string;
let ana: BrowserSession;
let origin: string;

beforeAll(async () => {
  h = await startHarnessForPeople();
  origin = h.ctx.config.publicUrl;
});
afterAll(() => h.close());
beforeEach(() => {
  email = `person-${(people += 1)}@example.org`;
  ana = anonymousSession(h);
});

const tokenOf = async (webSession: BrowserSession, path = '/outbox'): Promise<string> =>
  (await webSession.get(path)).root.querySelector(`input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;

describe('a form that is not the visitor’s own', () => {
  const stillIn = async (webSession: BrowserSession) =>
    (await webSession.get('/outbox')).root.querySelector('header .who') !== null;

  it.each([
    ['no token', () => ({ something: 'else' }), {}],
    ['a made-up token', () => ({ [CSRF_TOKEN_FIELD]: 'x'.repeat(43) }), {}],
    ['another visitor’s token', async () => ({ [CSRF_TOKEN_FIELD]: await tokenOf(anonymousSession(h), '/login') }), {}],
    [
      'another session’s token',
      async () => ({ [CSRF_TOKEN_FIELD]: await tokenOf(await loggedIn(h, `other-${email}`)) }),
      {},
    ],
    ['a foreign origin', 'own', { origin: 'https://evil.example' }],
    ['the origin null from another site', 'own', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['a cross-site fetch', 'own', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling site', 'own', { 'sec-fetch-site': 'same-site' }],
  ] as const)('is refused and does nothing: %s', async (_name, fields, headers) => {
    const webSession = await loggedIn(h, email);
    const sent = fields === 'own' ? { [CSRF_TOKEN_FIELD]: await tokenOf(webSession) } : await fields();
    const answer = await webSession.post('/logout', sent, { origin, ...headers });
    expect(answer.status).toBe(403);
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(answer.text).toContain('Nothing was done');
    expect(await stillIn(webSession)).toBe(true);
  });

  it('is refused before log-in too, so nobody is logged in by another site', async () => {
    await signUpAndConfirm(h, anonymousSession(h), email);
    const answer = await ana.post('/login', { email, password: PASSWORD }, { origin });
    expect(answer.status).toBe(403);
    expect(answer.headers.getSetCookie().join()).not.toContain('mir_session');
  });

  it('has another token after log-in than before', async () => {
    const before = await tokenOf(ana, '/login');
    await signUpAndConfirm(h, ana, email);
    expect(await tokenOf(ana, '/login')).toBe(before);
    await logIn(ana, email);
    expect(await tokenOf(ana)).not.toBe(before);
  });

  it.each([
    ['application/json', '{}', 415],
    ['multipart/form-data; boundary=x', '--x--', 415],
    ['application/x-www-form-urlencoded', 'a='.padEnd(17 * 1024, 'x'), 413],
    ['application/x-www-form-urlencoded', 'a=1&'.repeat(100), 400],
  ])('is refused as %s', async (type, body, status) => {
    const answer = await fetch(`${h.url}/login`, { method: 'POST', headers: { 'content-type': type, origin }, body });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('text/html');
  });
});

describe('a form of a page that hides its URL, so that the browser hides its origin', () => {
  const send = async (path: string, headers: Record<string, string>) => {
    const token = await tokenOf(ana, '/login');
    return ana.post(path, { email, [CSRF_TOKEN_FIELD]: token }, { origin: 'null', ...headers });
  };

  it.each([
    ['is accepted from our own origin', '/forgot', { 'sec-fetch-site': 'same-origin' }, 200],
    ['is accepted from a browser that says no more', '/forgot', {}, 200],
    ['is refused from another site', '/forgot', { 'sec-fetch-site': 'cross-site' }, 403],
    ['is refused from a sibling site', '/forgot', { 'sec-fetch-site': 'same-site' }, 403],
    ['is accepted from our own origin by another page', '/logout', { 'sec-fetch-site': 'same-origin' }, 303],
    ['is accepted by the log-out form, which such pages have, too', '/logout', {}, 303],
    ['is refused by another page from a browser that says no more', '/link', {}, 403],
  ] as const)('%s: %s %j', async (_name, path, headers, status) => {
    expect((await send(path, headers)).status).toBe(status);
  });

  it('is refused without its token', async () => {
    const answer = await ana.post('/forgot', { email }, { origin: 'null', 'sec-fetch-site': 'same-origin' });
    expect(answer.status).toBe(403);
  });
});

describe('an address to go on to', () => {
  const known = 'traveller@example.org';
  beforeAll(async () => void (await signUpAndConfirm(h, anonymousSession(h), known)));

  it.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/%5cevil.example',
    'javascript:alert(1)',
    '/account/../outbox',
    '/account@evil.example',
    '/link/..%2f..%2fevil',
    '/link/a/b',
    '/login',
    '\t/account',
    '/account\r\nset-cookie: a=b',
  ])('that is not one of ours is dropped: %j', async (next) => {
    const page = await ana.get(`/login?next=${encodeURIComponent(next)}`);
    expect(page.root.querySelector('input[name=next]')).toBeNull();
    const token = page.root.querySelector(`input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;
    const answer = await ana.post(
      '/login',
      { email: known, password: PASSWORD, next, [CSRF_TOKEN_FIELD]: token },
      { origin },
    );
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/account');
  });
});

describe('a session', () => {
  it('never takes the name that somebody planted', async () => {
    await signUpAndConfirm(h, ana, email);
    const form = await ana.get('/login');
    ana.cookies.set('mir_session', 'planted.by-somebody');
    expect((await ana.submit(form, { email, password: PASSWORD })).path).toBe('/account');
    expect(ana.cookies.get('mir_session')).not.toContain('planted');
    expect(signedInAs(await ana.get('/outbox'))).toBe(email);
  });

  it('that a stranger planted is not what somebody logs in to', async () => {
    const stranger = await loggedIn(h, `stranger-${email}`);
    await signUpAndConfirm(h, ana, email);
    const form = await ana.get('/login');
    ana.cookies.set('mir_session', stranger.cookies.get('mir_session')!);
    expect((await ana.submit(form, { email, password: PASSWORD })).status).toBe(403);
    expect(signedInAs(await stranger.get('/outbox'))).toBe(`stranger-${email}`);
  });

  it('has a new name at each log-in, in a cookie that scripts and other sites do not get', async () => {
    await signUpAndConfirm(h, ana, email);
    const names = new Set<string>();
    for (let n = 0; n < 3; n += 1) {
      const form = await ana.get('/login');
      const token = form.root.querySelector(`input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;
      const answer = await ana.post('/login', { email, password: PASSWORD, [CSRF_TOKEN_FIELD]: token }, { origin });
      const cookie = answer.headers.getSetCookie().find((line) => line.startsWith('mir_session='))!;
      expect(cookie).toMatch(/; HttpOnly/);
      expect(cookie).toMatch(/; SameSite=Lax/);
      expect(cookie).toMatch(/; Path=\//);
      expect(cookie).not.toMatch(/Domain/i);
      names.add(cookie.split(';')[0]!);
      ana.cookies.delete('mir_session');
    }
    expect(names.size).toBe(3);
  });
});

describe('every page', () => {
  it.each(PAGES.filter(({ method }) => method === 'GET').map(({ path }) => path))(
    '%s is closed against frames, scripts and caches',
    async (path) => {
      const { headers } = await ana.get(path.replace(/:\w+/, 'x'));
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
      );
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'cross-origin-opener-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      expect(headers.get('x-request-id')).not.toBeNull();
    },
  );

  it('that can carry a token in its URL passes the URL on to no one, with or without a good token', async () => {
    const partner = await h.partner();
    const { body } = await h.client.post('/v1/partners/link/invite', partner.liveKey, { userExternalId: 'ana' });
    const invite = new URL(body.url).pathname.slice('/link/'.length);
    const signUp = await h.ctx.auth.signUp(email);
    if (signUp?.kind !== 'VERIFY') throw new Error('no link to choose a password');
    const carrying = new Set<string>();
    for (const { method, path } of PAGES) {
      if (method !== 'GET') continue;
      const query = `?token=${signUp.token}&next=${encodeURIComponent(`/link/${invite}`)}`;
      const url = h.url + path.replace(/:\w+/, invite) + query;
      const page = await fetch(url, { redirect: 'manual', headers: { accept: 'text/html' } });
      const html = await page.text();
      if (TOKEN_PAGES.has(path) || html.includes(invite) || html.includes(signUp.token)) carrying.add(path);
      const expected = carrying.has(path) ? 'no-referrer' : 'same-origin';
      expect([path, page.headers.get('referrer-policy')]).toEqual([path, expected]);
    }
    expect(carrying).toEqual(TOKEN_PAGES);
    for (const path of TOKEN_PAGES) {
      const bad = path.replace(':token', 'cut-off');
      const answers = [
        await ana.get(`${bad}?token=cut-off`),
        await ana.post(bad, {}),
        await ana.get(`${bad}/x?token=x`),
      ];
      const policies = answers.map(({ headers }) => headers.get('referrer-policy'));
      expect([path, ...policies]).toEqual([path, 'no-referrer', 'no-referrer', 'no-referrer']);
    }
  });

  it('is text, whatever is typed into it', async () => {
    const evil = '"><script>alert(1)</script>';
    const page = await ana.submit(await ana.get('/login'), { email: evil, password: 'x' });
    expect(page.html).not.toContain('<script');
    expect(page.root.querySelector('#email')!.getAttribute('value')).toBe(evil);
  });

  it('that is not there is a page for people and a problem for programs', async () => {
    const page = await ana.get('/nowhere');
    expect(page.status).toBe(404);
    expect(page.text).toContain('There is no such page');
    const problem = await h.client.get('/nowhere');
    expect(problem).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });

  it('counts in the metrics under its route', async () => {
    await ana.get('/login');
    const { values } = await h.ctx.metrics.requestSeconds.get();
    expect(values.map(({ labels }) => labels)).toContainEqual(
      expect.objectContaining({ route: '/login', method: 'GET', status_class: '2xx' }),
    );
  });
});

describe('behind https', () => {
  it('cookies have the names that no other host can set, and go over https only', async () => {
    const env = { PUBLIC_URL: 'https://mir.example', SMTP_URL: 'smtp://127.0.0.1:9', MAIL_FROM: 'mir@mir.example' };
    const https = await startHarness({ workers: false, env });
    await confirmedAccount(https, email);
    const webSession = newBrowserSession(https.url, { publicUrl: 'https://mir.example' });
    const form = await webSession.get('/login');
    expect(form.headers.get('strict-transport-security')).toMatch(/^max-age=\d{8}/);
    expect(form.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-mir_visitor=[^;]+; Path=\/; .*; Secure$/),
    ]);
    const token = form.root.querySelector(`input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;
    const sent = { email, password: PASSWORD, [CSRF_TOKEN_FIELD]: token };
    expect((await webSession.post('/login', sent, { origin: 'http://mir.example' })).status).toBe(403);
    const answer = await webSession.post('/login', sent, { origin: 'https://mir.example' });
    const cookie = answer.headers.getSetCookie().find((line) => line.includes('mir_session'));
    expect(cookie).toMatch(/^__Host-mir_session=/);
    expect(cookie).toMatch(/; Secure/);
    await https.close();
  });
});
