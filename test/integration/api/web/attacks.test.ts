import { beforeAll, describe, expect, it } from '@jest/globals';
import { CSRF_TOKEN_FIELD } from '../../../../api/web/design/form';
import { PAGES } from '../../../../api/web/routes';
import { type Harness, startHarness } from '../../../support/harness';
import { confirmedAccount, logIn, loggedIn, PASSWORD, signedInAs, tokenIn } from '../../../support/people';
import { newBrowserSession, type BrowserSession } from '../../../support/browser-session';
import { beforeEachVisitor } from './visitors';

/** Pages whose URL can contain a token from an emailed link, an invitation (also in `next`) or a provider callback. */
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
  '/portal/invitation',
  '/portal/reset',
  '/portal/login/oidc',
  '/portal/login/oidc/callback',
  '/partners/applications/confirm',
]);

let h: Harness;
let email: string;
let ana: BrowserSession;
let origin: string;
beforeEachVisitor((visitor) => {
  ({ h, email, session: ana } = visitor);
  origin = h.ctx.config.publicUrl;
});

const tokenOf = async (webSession: BrowserSession, path = '/outbox'): Promise<string> =>
  (await webSession.get(path)).root.querySelector(`input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;

describe('CSRF protection', () => {
  it('rejects a login form without a CSRF token, so other sites cannot log a visitor in', async () => {
    await confirmedAccount(h, email);
    const response = await ana.post('/login', { email, password: PASSWORD }, { origin });
    expect(response.status).toBe(403);
    expect(response.headers.getSetCookie().join()).not.toContain('mir_session');
  });

  it('issues a different CSRF token after login', async () => {
    const before = await tokenOf(ana, '/login');
    await confirmedAccount(h, email);
    expect(await tokenOf(ana, '/login')).toBe(before);
    await logIn(ana, email);
    expect(await tokenOf(ana)).not.toBe(before);
  });

  it.each([
    ['application/json', '{}', 415],
    ['multipart/form-data; boundary=x', '--x--', 415],
    ['application/x-www-form-urlencoded', 'a='.padEnd(17 * 1024, 'x'), 413],
    ['application/x-www-form-urlencoded', 'a=1&'.repeat(100), 400],
  ])('rejects a form sent as %s', async (type, body, status) => {
    const response = await fetch(`${h.url}/login`, { method: 'POST', headers: { 'content-type': type, origin }, body });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('text/html');
  });
});

describe('forms with a null origin, which browsers send from pages without a referrer', () => {
  const send = async (path: string, headers: Record<string, string>) => {
    const token = await tokenOf(ana, '/login');
    return ana.post(path, { email, [CSRF_TOKEN_FIELD]: token }, { origin: 'null', ...headers });
  };

  it.each([
    ['accepts a same-origin form', '/forgot', { 'sec-fetch-site': 'same-origin' }, 200],
    ['accepts a form without Sec-Fetch-Site', '/forgot', {}, 200],
    ['rejects a cross-site form', '/forgot', { 'sec-fetch-site': 'cross-site' }, 403],
    ['rejects a same-site form', '/forgot', { 'sec-fetch-site': 'same-site' }, 403],
    ['accepts a same-origin form to another page', '/logout', { 'sec-fetch-site': 'same-origin' }, 303],
    ['accepts a logout form without Sec-Fetch-Site', '/logout', {}, 303],
    ['rejects a form to another page without Sec-Fetch-Site', '/link', {}, 403],
  ] as const)('%s: %s %j', async (_name, path, headers, status) => {
    expect((await send(path, headers)).status).toBe(status);
  });

  it('rejects a form with a null origin and no CSRF token', async () => {
    const response = await ana.post('/forgot', { email }, { origin: 'null', 'sec-fetch-site': 'same-origin' });
    expect(response.status).toBe(403);
  });
});

describe('redirect after login', () => {
  const known = 'traveller@example.org';
  beforeAll(() => confirmedAccount(h, known));

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
  ])('does not redirect to %j after login', async (next) => {
    const page = await ana.get(`/login?next=${encodeURIComponent(next)}`);
    expect(page.root.querySelector('input[name=next]')).toBeNull();
    const token = page.root.querySelector(`input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;
    const response = await ana.post(
      '/login',
      { email: known, password: PASSWORD, next, [CSRF_TOKEN_FIELD]: token },
      { origin },
    );
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe('/account');
  });
});

describe('session cookie', () => {
  it('replaces a planted session cookie at login', async () => {
    await confirmedAccount(h, email);
    const form = await ana.get('/login');
    ana.cookies.set('mir_session', 'planted.cookie');
    expect((await ana.submit(form, { email, password: PASSWORD })).path).toBe('/account');
    expect(ana.cookies.get('mir_session')).not.toContain('planted');
    expect(signedInAs(await ana.get('/outbox'))).toBe(email);
  });

  it("rejects a login from a browser with a planted cookie for a stranger's session", async () => {
    const stranger = await loggedIn(h, `stranger-${email}`);
    await confirmedAccount(h, email);
    const form = await ana.get('/login');
    ana.cookies.set('mir_session', stranger.cookies.get('mir_session')!);
    expect((await ana.submit(form, { email, password: PASSWORD })).status).toBe(403);
    expect(signedInAs(await stranger.get('/outbox'))).toBe(`stranger-${email}`);
  });

  it('sets a new session cookie at each login, and hides the cookie from scripts and other sites', async () => {
    await confirmedAccount(h, email);
    const values = new Set<string>();
    for (let n = 0; n < 3; n += 1) {
      const form = await ana.get('/login');
      const token = form.root.querySelector(`input[name=${CSRF_TOKEN_FIELD}]`)!.getAttribute('value')!;
      const response = await ana.post('/login', { email, password: PASSWORD, [CSRF_TOKEN_FIELD]: token }, { origin });
      const cookie = response.headers.getSetCookie().find((line) => line.startsWith('mir_session='))!;
      expect(cookie).toMatch(/; HttpOnly/);
      expect(cookie).toMatch(/; SameSite=Lax/);
      expect(cookie).toMatch(/; Path=\//);
      expect(cookie).not.toMatch(/Domain/i);
      values.add(cookie.split(';')[0]!);
      ana.cookies.delete('mir_session');
    }
    expect(values.size).toBe(3);
  });
});

describe('pages', () => {
  it.each(PAGES.filter(({ method }) => method === 'GET').map(({ path }) => path))(
    'forbids framing, scripts and caching on %s',
    async (path) => {
      const { headers, path: shown } = await ana.get(path.replaceAll(/:\w+/g, 'x'));
      // Before the log-in, only the pages to log in with a passkey need a script.
      const hasScripts = shown === '/portal/login' || shown === '/portal/login/passkey';
      const scripts = hasScripts ? " script-src 'self'; connect-src 'self';" : '';
      expect(headers.get('content-security-policy')).toBe(
        `default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; frame-ancestors 'none';${scripts} form-action 'self'`,
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

  it('sends no referrer from pages for staff, and from those whose URL can contain a token, whether or not it is valid', async () => {
    const partner = await h.partner();
    const { body } = await h.client.post('/v1/partners/link/invite', partner.liveKey, { userExternalId: 'ana' });
    const invite = new URL(body.url).pathname.slice('/link/'.length);
    const token = await tokenIn(h, await h.ctx.auth.signUp(email));
    const withToken = new Set<string>();
    for (const { method, path, staff } of PAGES) {
      if (method !== 'GET') continue;
      const query = `?token=${token}&next=${encodeURIComponent(`/link/${invite}`)}`;
      const url = h.url + path.replace(/:\w+/, invite) + query;
      const page = await fetch(url, { redirect: 'manual', headers: { accept: 'text/html' } });
      const html = await page.text();
      if (TOKEN_PAGES.has(path) || html.includes(invite) || html.includes(token)) withToken.add(path);
      const expected = withToken.has(path) || staff ? 'no-referrer' : 'same-origin';
      expect([path, page.headers.get('referrer-policy')]).toEqual([path, expected]);
    }
    expect(withToken).toEqual(TOKEN_PAGES);
    for (const path of TOKEN_PAGES) {
      const bad = path.replace(':token', 'cut-off');
      const responses = [
        await ana.get(`${bad}?token=cut-off`),
        await ana.post(bad, {}),
        await ana.get(`${bad}/x?token=x`),
      ];
      const policies = responses.map(({ headers }) => headers.get('referrer-policy'));
      expect([path, ...policies]).toEqual([path, 'no-referrer', 'no-referrer', 'no-referrer']);
    }
  });

  it('escapes text entered by a visitor', async () => {
    const evil = '"><script>alert(1)</script>';
    const page = await ana.submit(await ana.get('/login'), { email: evil, password: 'x' });
    expect(page.html).not.toContain('<script');
    expect(page.root.querySelector('#email')!.getAttribute('value')).toBe(evil);
  });

  it('returns 404 for an unknown path, as HTML to browsers and as a problem document to API clients', async () => {
    const page = await ana.get('/nowhere');
    expect(page.status).toBe(404);
    expect(page.text).toContain('Page not found');
    const problem = await h.client.get('/nowhere');
    expect(problem).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });

  it('counts page requests by route in the metrics', async () => {
    await ana.get('/login');
    const { values } = await h.ctx.metrics.requestSeconds.get();
    expect(values.map(({ labels }) => labels)).toContainEqual(
      expect.objectContaining({ route: '/login', method: 'GET', status_class: '2xx' }),
    );
  });
});

describe('cookies over HTTPS', () => {
  it('sets Secure cookies with the __Host- prefix, which other hosts cannot set', async () => {
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
    const response = await webSession.post('/login', sent, { origin: 'https://mir.example' });
    const cookie = response.headers.getSetCookie().find((line) => line.includes('mir_session'));
    expect(cookie).toMatch(/^__Host-mir_session=/);
    expect(cookie).toMatch(/; Secure/);
    await https.close();
  });
});
