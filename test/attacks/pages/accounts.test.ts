import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PAGES } from '../../../api/web/routes';
import { csrfTokenOf } from '../../../api/web/http/csrf-token';
import type { Harness } from '../../support/harness';
import {
  anonymousSession,
  confirmedAccount,
  loggedIn,
  logIn,
  PASSWORD,
  sharedHarnessForPeople,
} from '../../support/people';
import { newAddress, unique } from '../matrix/resources';

let h: Harness;
beforeAll(async () => {
  h = await sharedHarnessForPeople();
});
afterAll(() => h.close());

const newEmail = (): string => `attack-${unique()}@example.org`;

describe('open redirects', () => {
  const TARGETS = [
    'https://evil.example/account',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/%2f%2fevil.example',
    '/%5cevil.example',
    '/\t/evil.example',
    '%68ttps://evil.example',
    'javascript:alert(1)//evil.example',
    '/account@evil.example',
    '/account//evil.example',
    '/account?x=//evil.example',
    '/link/..//evil.example',
    '/account\u0000//evil.example',
  ];
  const pages = PAGES.filter(({ method }) => method === 'GET').map(({ path }) => path.replace(/:\w+/, 'x'));

  let loggedInCookie: string;
  beforeAll(async () => {
    const { cookies } = await loggedIn(h, newEmail());
    loggedInCookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  });

  it.each(pages)('are not offered by any parameter: %s', async (path) => {
    const names = ['next', 'returnUrl', 'return_to', 'redirect', 'callbackURL', 'url', 'done'];
    const opened = TARGETS.flatMap((target) =>
      ['', loggedInCookie].map(async (cookie) => {
        const query = new URLSearchParams(names.map((name) => [name, target])).toString();
        const headers = { accept: 'text/html', cookie, ...newAddress() };
        const response = await fetch(`${h.url}${path}?${query}`, { redirect: 'manual', headers });
        const seen = `${response.headers.get('location')} ${await response.text()}`;
        return seen.includes('evil') ? target : null;
      }),
    );
    expect((await Promise.all(opened)).filter((target) => target !== null)).toEqual([]);
  });

  it.each([
    'https://harbour.example@evil.example/',
    'https://harbour.example:pw@evil.example/',
    'https://evil.example\\.harbour.example/',
    'https://harbour.example.evil.example/',
    'https://harbour.example%2eevil.example/',
    'https://harbour.example%00.evil.example/',
    'https:evil.example',
    'https:\\\\evil.example',
    '//evil.example',
    'https://harbour.example./',
    'https://harbоur.example/',
    'https://harbour.example:444/',
    'http://harbour.example/',
    'javascript:alert(1)',
    'data:text/html,x',
    ' https://evil.example',
  ])('rejects the return URL %j', async (returnUrl) => {
    const { liveKey } = await h.partner({ allowedReturnOrigins: ['https://harbour.example'] });
    const post = (body: object) => h.client.post('/v1/partners/link/invite', liveKey, { userExternalId: 'u', ...body });
    expect((await post({ returnUrl: 'https://harbour.example/back' })).status).toBe(201);
    expect((await post({ returnUrl })).status).toBe(422);
  });
});

describe('return URLs that only look foreign', () => {
  it('lead to the registered origin, because they are parsed once and then sent in normalized form', async () => {
    const { liveKey } = await h.partner({ allowedReturnOrigins: ['https://harbour.example'] });
    const returnUrl = 'https://harbour.example\\@evil.example/';
    const invited = await h.client.post('/v1/partners/link/invite', liveKey, { userExternalId: 'u', returnUrl });
    const ana = await loggedIn(h, newEmail());
    const consent = await ana.get(new URL(invited.body.url as string).pathname);
    expect(consent.headers.get('content-security-policy')).toContain("form-action 'self' https://harbour.example");
    const { headers } = await ana.submit(consent, { decision: 'connect' });
    expect(headers.get('location')).toMatch(/^https:\/\/harbour\.example\/@evil\.example\/\?link=/);
  });
});

describe('account enumeration', () => {
  const hashes = async (): Promise<number> =>
    (await h.ctx.metrics.passwordHashes.get()).values.reduce((sum, { value }) => sum + value, 0);

  /** Posts a form for an address, and returns everything that the client can see, and the number of password hashes. */
  async function seen(path: string, email: string, fields: Record<string, string> = {}): Promise<unknown[]> {
    const session = anonymousSession(h);
    const page = await session.get(path);
    const before = await hashes();
    const { status, html, headers } = await session.submit(page, { email, ...fields });
    const names = [...headers.keys()].filter((name) => name !== 'date' && name !== 'x-request-id').toSorted();
    const visible = html.replaceAll(email, '<email>').replaceAll(/name="form_token" value="[\w-]+"/g, '');
    return [status, visible.replaceAll(/[0-9a-f-]{36}/g, '<id>'), names, (await hashes()) - before];
  }

  it.each<[string, Record<string, string>, number]>([
    ['/login', { password: 'not the password' }, 1],
    ['/signup', {}, 0],
    ['/forgot', {}, 0],
    ['/verify/resend', {}, 0],
  ])('responds to %s in the same way, with the same work, whatever the address is', async (path, fields, work) => {
    const known = newEmail();
    await confirmedAccount(h, known);
    const unconfirmed = newEmail();
    await h.ctx.auth.signUp(unconfirmed);
    const unknown = await seen(path, newEmail(), fields);
    expect(unknown[3]).toBe(work);
    for (const email of [known, known.toUpperCase(), unconfirmed]) {
      expect(await seen(path, email, fields)).toEqual(unknown);
    }
  });
});

describe('sessions', () => {
  it('gives each login a session of its own, and forms from before the login do not work after it', async () => {
    const email = newEmail();
    await confirmedAccount(h, email);
    const ana = anonymousSession(h);
    const before = (await ana.get('/link')).root.querySelector('input[name=form_token]')!.getAttribute('value')!;
    await logIn(ana, email);
    const session = ana.cookies.get('mir_session')!;
    const headers = { origin: h.ctx.config.publicUrl, 'sec-fetch-site': 'same-origin' };
    expect((await ana.post('/logout', { form_token: before }, headers)).status).toBe(403);
    const other = anonymousSession(h);
    await logIn(other, email);
    expect(other.cookies.get('mir_session')).not.toBe(session);
    const visitor = ana.cookies.get('mir_visitor')!;
    const guessed = csrfTokenOf(h.ctx.secrets, { sessionId: null, visitor });
    expect((await ana.post('/account/delete', { form_token: guessed, password: PASSWORD }, headers)).status).toBe(403);
    expect((await ana.get('/account')).path).toBe('/account');
  });
});
