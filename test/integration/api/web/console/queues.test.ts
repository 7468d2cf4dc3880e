import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openOperatorSession, OPERATOR_SESSION_SECONDS } from '../../../../../api/web/console/queues/session';
import { staffCookie } from '../../../../../api/accounts/staff-cookie';
import { OPERATORS, type OrganizationId } from '../../../../../shared/store/members';
import { queueKeys } from '../../../../../shared/queue/bullmq-internals';
import { QUEUE_NAMES } from '../../../../../shared/queue/queues';
import { anEvent } from '../../../../support/builders';
import { ADMIN_TOKEN, type Harness, startHarness, type TestPartner } from '../../../../support/harness';
import { insertMember } from '../../../../support/staff';

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await startHarness({ workers: false });
  partner = await h.partner();
});
afterAll(() => h.close());

interface RequestOptions {
  method?: string;
  cookies?: Record<string, string>;
  accept?: string;
  form?: Record<string, string>;
  headers?: Record<string, string>;
  url?: string;
}

/** Sends a request as a browser would. Returns the response and the cookies that the browser then has. */
async function request(
  path: string,
  { method, cookies = {}, accept = 'text/html', form, headers, url = h.url }: RequestOptions = {},
) {
  const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`);
  const res = await fetch(url + path, {
    method: method ?? (form ? 'POST' : 'GET'),
    redirect: 'manual',
    headers: { accept, ...(cookie.length > 0 ? { cookie: cookie.join('; ') } : {}), ...headers },
    ...(form ? { body: new URLSearchParams(form) } : {}),
  });
  const set = res.headers.getSetCookie();
  const setCookies = Object.fromEntries(set.map((line) => line.split(';')[0]!.split('=') as [string, string]));
  return {
    status: res.status,
    text: await res.text(),
    headers: res.headers,
    set,
    cookies: { ...cookies, ...setCookies },
  };
}

/** Opens the login page and posts the admin token with the form's CSRF token. */
async function logIn(token: string, url = h.url) {
  const opened = await request('/admin/login', { url });
  const [, form_token = ''] = /name="form_token" value="([^"]+)"/.exec(opened.text) ?? [];
  return request('/admin/login', { url, cookies: opened.cookies, form: { form_token, token } });
}

async function operator(): Promise<Record<string, string>> {
  const { status, cookies } = await logIn(ADMIN_TOKEN);
  expect(status).toBe(303);
  return cookies;
}

describe('operator login', () => {
  it('exchanges the admin token for a one-hour cookie that scripts and other sites cannot use', async () => {
    const { status, headers, set } = await logIn(ADMIN_TOKEN);
    expect([status, headers.get('location')]).toEqual([303, '/admin/queues']);
    const cookie = set.find((line) => line.startsWith('mir_operator='));
    expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Strict; Max-Age=3600$/);
    expect(cookie).not.toContain(ADMIN_TOKEN);
  });

  it('rejects a wrong admin token, a request without a CSRF token and a cross-site request', async () => {
    const wrong = await logIn('x'.repeat(40));
    expect(wrong.status).toBe(401);
    expect(wrong.text).toContain('This token doesn’t match ADMIN_TOKEN');
    expect(wrong.cookies).not.toHaveProperty('mir_operator');
    const forged = await request('/admin/login', { form: { token: ADMIN_TOKEN } });
    expect([forged.status, forged.set.join()]).toEqual([403, expect.not.stringContaining('mir_operator')]);
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    expect((await request('/admin/login', { form: { token: ADMIN_TOKEN }, headers: foreign })).status).toBe(403);
  });

  it('returns 429 for the correct token in the form after ten wrong tokens in the header within a minute', async () => {
    const own = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
    const headers = { 'x-forwarded-for': '2001:db8::77', 'x-admin-token': 'wrong' };
    for (let n = 0; n < 10; n += 1) {
      expect((await own.client.request('GET', '/admin/partners', { headers })).status).toBe(401);
    }
    const from = { 'x-forwarded-for': '2001:db8::88' };
    const opened = await request('/admin/login', { url: own.url, headers: from });
    const [, form_token = ''] = /name="form_token" value="([^"]+)"/.exec(opened.text) ?? [];
    const form = { form_token, token: ADMIN_TOKEN };
    const rejected = await request('/admin/login', { url: own.url, cookies: opened.cookies, form, headers: from });
    expect(rejected.status).toBe(429);
    expect(Number(rejected.headers.get('retry-after'))).toBeGreaterThan(0);
    await own.close();
  });

  it('invalidates the operator cookie on logout, including any copies of the cookie', async () => {
    const cookies = await operator();
    expect((await request('/admin/queues', { cookies })).status).toBe(200);
    const page = await request('/admin/logout', { cookies });
    const [, form_token = ''] = /name="form_token" value="([^"]+)"/.exec(page.text) ?? [];
    expect((await request('/admin/logout', { cookies, form: { form_token: 'x' } })).status).toBe(403);
    const out = await request('/admin/logout', { cookies, form: { form_token } });
    expect([out.status, out.headers.get('location')]).toEqual([303, '/admin/login']);
    expect(out.set.join()).toMatch(/mir_operator=; .*Max-Age=0/);
    expect((await request('/admin/queues', { cookies })).headers.get('location')).toBe('/admin/login');
  });

  it('rejects operator cookies that have expired, were altered or belong to a previous admin token', async () => {
    const cookieOf = (set: string) => ({ mir_operator: /mir_operator=([^;]+)/.exec(set)![1]! });
    const statusOf = async (cookies: Record<string, string>) => (await request('/admin/queues', { cookies })).status;
    const hourMs = OPERATOR_SESSION_SECONDS * 1_000;
    expect(await statusOf(cookieOf(openOperatorSession(h.ctx, Date.now())))).toBe(200);
    expect(await statusOf(cookieOf(openOperatorSession(h.ctx, Date.now() - hourMs)))).toBe(303);
    const [expires, nonce, mac] = cookieOf(openOperatorSession(h.ctx, Date.now())).mir_operator.split('.');
    expect(await statusOf({ mir_operator: `${Number(expires) + 1}.${nonce}.${mac}` })).toBe(303);
    expect(await statusOf({ mir_operator: `${expires}.${nonce}.${'A'.repeat(43)}` })).toBe(303);
    const config = { ...h.ctx.config, adminToken: 'y'.repeat(40) };
    expect(await statusOf(cookieOf(openOperatorSession({ ...h.ctx, config }, Date.now())))).toBe(303);
  });

  it('disables the operator login when ADMIN_TOKEN is not set, and uses a __Host- cookie over HTTPS', async () => {
    const disabled = await startHarness({ workers: false, env: { ADMIN_TOKEN: '' } });
    expect((await request('/admin/login', { url: disabled.url })).status).toBe(404);
    expect((await request('/admin/queues', { url: disabled.url })).status).toBe(303);
    await disabled.close();
    const config = { ...h.ctx.config, publicUrl: 'https://mir.example' };
    expect(openOperatorSession({ ...h.ctx, config }, Date.now())).toMatch(/^__Host-mir_operator=.*; Secure$/);
  });
});

describe('queues page', () => {
  it('redirects pages to the login page and returns 401 for other paths when there is no operator session', async () => {
    for (const path of ['/admin/queues', '/admin/queues/queue/events']) {
      expect(await request(path)).toMatchObject({ status: 303, text: expect.not.stringContaining('root') });
    }
    for (const path of ['/admin/queues/api/queues', '/admin/queues/api/queues/events/x', '/admin/queues/static/x.js']) {
      expect((await request(path, { accept: 'application/json' })).status).toBe(401);
      expect((await request(path, { accept: '*/*', headers: { 'x-admin-token': ADMIN_TOKEN } })).status).toBe(401);
    }
  });

  it('does not load any resources from other origins, and forbids them in its Content-Security-Policy', async () => {
    const cookies = await operator();
    const { status, text, headers } = await request('/admin/queues', { cookies });
    expect(status).toBe(200);
    expect(text).not.toMatch(/https?:|style=|<style|<%/);
    const policy = headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    const scripts = [...text.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map(([, path]) => path!);
    expect(scripts.length).toBeGreaterThan(3);
    for (const path of scripts) {
      const asset = await request(`/admin/queues/${path}`, { cookies });
      expect([asset.status, asset.headers.get('x-content-type-options')]).toEqual([200, 'nosniff']);
    }
  });

  it('shows jobs without data that identifies a partner or a person', async () => {
    const metadata = { 'ann@private.example': 'private words' };
    const event = anEvent({ userExternalId: 'u-private', metadata });
    expect((await h.client.post('/events', partner.liveKey, { events: [event, event] })).status).toBe(202);
    const [job] = await h.ctx.queues.events.getJobs();
    const cookies = await operator();
    const texts = await Promise.all(
      [
        '/api/queues?activeQueue=events&status=latest&page=1&jobsPerPage=10',
        `/api/queues/events/${job!.id}`,
        `/api/queues/events/${job!.id}/logs`,
        `/api/queues/events/${job!.id}/flow`,
        '/api/redis/stats',
      ].map(async (path) => {
        const { status, text } = await request(`/admin/queues${path}`, { cookies, accept: 'application/json' });
        expect([path, status]).toEqual([path, 200]);
        return text;
      }),
    );
    const [listed, shown] = texts.map((text) => JSON.parse(text));
    expect(
      listed.queues.map(({ name, readOnlyMode }: { name: string; readOnlyMode: boolean }) => [name, readOnlyMode]),
    ).toEqual(QUEUE_NAMES.map((name) => [name, true]));
    expect(listed.queues[0].counts.waiting).toBe(1);
    expect(shown.job.data).toMatchObject({ tenant: 'string(21)', events: { 'list(2) of': expect.anything() } });
    const refs = job!.data.events.map((row: unknown[]) => row[2] as string);
    for (const secret of ['private', 'mir.transaction', ...refs]) expect(texts.join()).not.toContain(secret);
  });

  it("does not show an email's recipient or links, or the mail server's reply", async () => {
    const { queues, keys } = h.ctx;
    const url = 'https://mir.example/verify/secret-token';
    // A job of version 1, which contained the email.
    const mail = { to: 'ann@private.example', subject: `Ann, ${url}`, text: url, html: url };
    await queues.mails.add('mails', { v: 1, mail });
    const [job] = await queues.mails.getJobs();
    const key = queueKeys(keys, queues.mails.name).job(job!.id!);
    await h.ctx.queueLink.client.hset(key, 'failedReason', '550 <ann@private.example>: no such user');
    const cookies = await operator();
    const { text } = await request(`/admin/queues/api/queues/mails/${job!.id}`, {
      cookies,
      accept: 'application/json',
    });
    expect(JSON.parse(text).job).toMatchObject({
      data: { v: 'number' },
      failedReason: expect.stringMatching(/^JOB_FAILED: /),
    });
    expect(text).not.toMatch(/private|secret-token|no such user/);
  });

  it('rejects every write with 405, even from an operator', async () => {
    const cookies = await operator();
    const [job] = await h.ctx.queues.events.getJobs();
    const writes: [string, string][] = [
      ['PUT', '/api/queues/pause'],
      ['PUT', '/api/queues/events/pause'],
      ['PUT', '/api/queues/events/clean/failed'],
      ['PUT', `/api/queues/events/${job!.id}/clean`],
      ['PUT', '/api/queues/events/obliterate'],
      ['POST', '/api/queues/events/add'],
      ['DELETE', `/api/queues/events/${job!.id}`],
    ];
    for (const [method, path] of writes) {
      expect([path, (await request(`/admin/queues${path}`, { method, cookies })).status]).toEqual([path, 405]);
    }
    expect(await h.ctx.queues.events.isPaused()).toBe(false);
    expect(await h.ctx.queues.events.getJobCountByTypes('waiting', 'prioritized')).toBe(1);
  });

  it('returns 404 for unknown paths and for files outside the static folder', async () => {
    const cookies = await operator();
    expect((await request('/admin/queues/api/queues/events/none', { cookies, accept: '*/*' })).status).toBe(404);
    expect((await request('/admin/queues/nothing/here', { cookies })).status).toBe(404);
    expect((await request('/admin/queues/static/%2e%2e/index.ejs', { cookies })).status).toBe(404);
    for (const path of ['none.js', '..%2f..%2fpackage.json', '%00', 'css', 'css/']) {
      const { status } = await request(`/admin/queues/static/${path}`, { cookies });
      expect({ path, status }).toEqual({ path, status: 404 });
    }
  });
});

describe('queues page of the console', () => {
  const cookiesOf = async (organization: OrganizationId): Promise<Record<string, string>> => {
    const { staffId } = await insertMember(h, organization, organization === OPERATORS ? 'VIEWER' : 'ADMINISTRATOR');
    const cookie = staffCookie(h.ctx, await h.ctx.staffAuth.startSession(staffId, undefined));
    const [name, value] = cookie.split(';')[0]!.split('=') as [string, string];
    return { [name]: value };
  };

  it('is the same board for operators with an account, with a way back to the console', async () => {
    const cookies = await cookiesOf(OPERATORS);
    const { status, text, headers } = await request('/console/queues', { cookies });
    expect([status, headers.get('content-security-policy')]).toEqual([
      200,
      expect.stringContaining("script-src 'self'"),
    ]);
    expect(text).toContain('<a class="mir-way-out" href="/console">Back to the console</a>');
    const [, style] = /href="(\/assets\/board-[^"]+)"/.exec(text)!;
    expect((await request(style!, { cookies })).status).toBe(200);
    const listed = await request('/console/queues/api/queues', { cookies, accept: 'application/json' });
    expect(JSON.parse(listed.text).queues.map(({ name }: { name: string }) => name)).toEqual(QUEUE_NAMES);
  });

  it('asks for a log-in, and does not exist for members of partners', async () => {
    expect((await request('/console/queues')).headers.get('location')).toBe('/portal/login');
    expect((await request('/console/queues/api/queues', { cookies: await operator() })).status).toBe(401);
    const member = await cookiesOf(partner.partnerId);
    expect((await request('/console/queues', { cookies: member })).status).toBe(404);
    expect((await request('/admin/queues', { cookies: await cookiesOf(OPERATORS) })).status).toBe(303);
  });
});
