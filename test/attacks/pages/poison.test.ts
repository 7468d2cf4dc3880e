import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anAgent } from '../../support/agents';
import type { Harness } from '../../support/harness';
import { anApplication, asAdmin } from '../../support/partners';
import { loggedIn, sharedHarnessForPeople } from '../../support/people';
import { rawRequest } from '../../support/raw-request';
import { newAddress, unique } from '../matrix/resources';

const HTML = `<script>alert(1)</script><img src=x onerror=alert(1)>"'&{{7*7}}`;
/** Names cannot contain quotes. */
const NAME = HTML.replaceAll(/["']/g, '');
const UNSAFE = /<script>alert|<img src=x/;

let h: Harness;
beforeAll(async () => {
  h = await sharedHarnessForPeople();
});
afterAll(() => h.close());

describe('names chosen by strangers', () => {
  it('are escaped on every page that shows them', async () => {
    const { body: applied } = await h.client.post(
      '/v1/partners/applications',
      undefined,
      anApplication({ name: NAME, useCase: HTML }),
      newAddress(),
    );
    const { body: issued } = await asAdmin(h.client, 'POST', `/applications/${applied.applicationId}/approve`, {
      plan: 'ENTERPRISE',
    });
    const ana = await loggedIn(h, `poison-${unique()}@example.org`);
    const invited = await h.client.post('/v1/partners/link/invite', issued.liveApiKey as string, {
      userExternalId: HTML.slice(0, 60),
      state: HTML,
      accountLabel: NAME,
    });
    expect(invited.status).toBe(201);
    const consent = await ana.get(new URL(invited.body.url as string).pathname);
    const pages = [consent, await ana.submit(consent, { decision: 'connect' }), await ana.get('/account')];
    const [link] = pages[2]!.root.querySelectorAll('a[href^="/account/links/"]');
    pages.push(await ana.get(link!.getAttribute('href')!));
    for (const { html, text } of pages) {
      expect(html).not.toMatch(UNSAFE);
      expect(html).toContain('&lt;script>');
      expect(text).not.toContain('{{49');
    }
    expect((await ana.get('/account/export')).headers.get('content-type')).toContain('application/json');
  });

  it.each([
    ['ANSI escape sequences', 'Bot \u001b[31mred'],
    ['a line break', 'Bot\r\nX-Injected: 1'],
    ['a NUL', 'Bot\u0000'],
    ['a lone surrogate', 'Bot \ud800'],
    ['a delete character', 'Bot\u007f'],
  ])('cannot contain %s, in any field that is one line', async (_name, text) => {
    const { liveKey } = await h.partner();
    const post = async (path: string, body: unknown) => (await h.client.post(path, liveKey, body, newAddress())).status;
    expect(await post('/v1/agents', anAgent({ name: 'Bot 🤖' }))).toBe(201);
    expect(await post('/v1/agents', anAgent({ name: text }))).toBe(422);
    expect(await post('/v1/agents', anAgent({ authorizer: text }))).toBe(422);
    expect(await post('/v1/partners/applications', anApplication({ name: text }))).toBe(422);
    expect(await post('/v1/partners/applications', anApplication({ website: `https://a.example/${text}` }))).toBe(422);
    expect(await post('/v1/partners/link/invite', { userExternalId: 'u', accountLabel: text })).toBe(422);
    expect(await post('/v1/partners/link/invite', { userExternalId: text })).toBe(422);
    expect(await post('/v1/agents/x/revoke', { reason: text })).toBe(422);
  });

  it.each([
    'a@example.org\r\nBcc: victim@example.org',
    'a@example.org,victim@example.org',
    'a@example.org\u0000',
    '<a>@b',
  ])('cannot add recipients or headers to an email: %j', async (email) => {
    const session = await loggedIn(h, `poison-${unique()}@example.org`);
    const before = await h.ctx.store.identities.model.countDocuments();
    for (const path of ['/signup', '/forgot', '/verify/resend']) {
      const page = await session.get(path);
      if (page.path === path) expect((await session.submit(page, { email })).status).toBe(422);
    }
    const application = await h.client.post(
      '/v1/partners/applications',
      undefined,
      anApplication({ contactEmail: email }),
      newAddress(),
    );
    expect(application.status).toBe(422);
    expect(await h.ctx.store.identities.model.countDocuments()).toBe(before);
  });
});

describe('metrics', () => {
  it('never use text from a request as a label', async () => {
    const probe = `probe${unique().replaceAll('-', '')}`;
    const { liveKey } = await h.partner();
    await rawRequest(h.url, { path: `/${probe}` });
    await rawRequest(h.url, { path: `/v1/events/${probe}`, headers: { 'x-api-key': liveKey } });
    await rawRequest(h.url, { path: `/v1/events/%22%7D%0A${probe}`, headers: { 'x-api-key': liveKey } });
    await rawRequest(h.url, { method: 'PROPFIND', path: `/${probe}` });
    await rawRequest(h.url, { path: `/link/${probe}`, headers: { accept: 'text/html', ...newAddress() } });
    await rawRequest(h.url, { path: '/login', headers: { host: `${probe}.example`, 'user-agent': probe } });
    await h.client.post('/v1/events', liveKey, { userExternalId: probe, eventType: `mir.x.${probe}` });
    const text = await h.ctx.metrics.registry.metrics();
    expect(text).toContain('route="/v1/events"'.replace('/v1', ''));
    expect(text).not.toContain(probe);
    expect(text).not.toContain('PROPFIND');
  });
});
