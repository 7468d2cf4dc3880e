import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../../support/harness';
import { anonymousSession, mailedLink, sharedHarnessForPeople, startHarnessForPeople } from '../../../support/people';
import { expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';
import { tempDirs } from '../../../support/temp-dirs';

const { tempDir } = tempDirs();
let h: Harness;

beforeAll(async () => {
  h = await sharedHarnessForPeople();
});
afterAll(() => h.close());

/** Returns the text and link targets of a page's footer. */
async function footerOf(harness: Harness, path: string): Promise<{ text: string; links: string[] }> {
  const footer = (await anonymousSession(harness).get(path)).root.querySelector('footer')!;
  const links = footer.querySelectorAll('a').map((link) => link.getAttribute('href')!);
  return { text: footer.structuredText.replaceAll(/\s+/g, ' '), links };
}

describe('the operator', () => {
  it.each(['/', '/signup', '/guide', '/admin/login', '/missing-page'])('is in the footer of %s', async (path) => {
    const { text, links } = await footerOf(h, path);
    expect(text).toContain('Operated by Example Association');
    expect(links).toEqual(['mailto:support@mir.example', 'https://mir.example/privacy', 'https://mir.example/terms']);
  });

  it('is at the end of emails', async () => {
    const to = 'who-operates@example.org';
    const session = anonymousSession(h);
    await session.submit(await session.get('/signup'), { email: to });
    await mailedLink(h, to, /Confirm/);
    const mail = await h.ctx.store.outboxMails.model.findOne({ to }).lean();
    expect(mail!.text).toMatch(
      /\n\nMIR\nThis MIR server is operated by Example Association\.\nContact: support@mir\.example\n$/,
    );
  });

  it('is in the OpenAPI document', async () => {
    const { body } = await h.client.get('/openapi.json');
    expect(body.info).toMatchObject({
      contact: { name: 'Example Association', email: 'support@mir.example' },
      termsOfService: 'https://mir.example/terms',
    });
    expect(body.info.contact).not.toHaveProperty('url');
  });

  it('is in the response to GET /v1/partners/me', async () => {
    const { liveKey } = await h.partner();
    const { body } = await h.client.get('/v1/partners/me', liveKey);
    expect(body.operator).toEqual({
      name: 'Example Association',
      contact: 'support@mir.example',
      privacyUrl: 'https://mir.example/privacy',
      termsUrl: 'https://mir.example/terms',
    });
  });

  it('is in the problems of a suspended partner, and of a partner whose plan does not suffice', async () => {
    const suspended = await h.partner({ suspended: true });
    const standard = await h.partner({ plan: 'STANDARD' });
    const contact = /You can reach the operator at support@mir\.example\.$/;
    const first = await h.client.get('/v1/events', suspended.liveKey);
    expectProblem(first, 403, 'PARTNER_SUSPENDED');
    expect(first.body.detail).toMatch(contact);
    const agent = { name: 'Indexer', type: 'AI_AGENT', preset: 'STANDARD', allowedEventTypes: ['mir.transaction.*'] };
    const second = await h.client.post('/v1/agents', standard.liveKey, agent);
    expectProblem(second, 403, 'ENTERPRISE_REQUIRED');
    expect(second.body.detail).toMatch(contact);
  });

  it('can have a logo, which pages show beside the name', async () => {
    const file = join(tempDir(), 'logo.svg');
    writeFileSync(file, '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
    const other = await startHarnessForPeople({ workers: false, env: { LOGO_FILE: file } });
    try {
      const brand = (await anonymousSession(other).get('/')).root.querySelector('.brand')!;
      expect(brand.structuredText.trim()).toBe('Example Association');
      const logo = await fetch(other.url + brand.querySelector('img')!.getAttribute('src')!);
      expect([logo.status, logo.headers.get('content-type')]).toEqual([200, 'image/svg+xml']);
      // Opened as a page, it would otherwise run its script.
      expect(logo.headers.get('content-security-policy')).toContain('sandbox');
    } finally {
      await other.close();
    }
  });

  it('is not shown if it is not configured', async () => {
    const other = await sharedHarness();
    expect((await footerOf(other, '/')).links).toEqual([]);
    const { body } = await other.client.get('/openapi.json');
    expect(body.info.contact).toEqual({ name: 'The operator of this registry', url: other.ctx.config.publicUrl });
    expect(body.info).not.toHaveProperty('termsOfService');
  });
});
