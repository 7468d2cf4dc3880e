import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../support/harness';
import { sharedHarness } from '../../support/shared-harness';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(mir.url + path, { headers });

/** Returns the URLs that a page loads automatically, excluding links that the reader has to click. */
const loadsOf = (html: string): string[] =>
  [...html.matchAll(/<(?:script|link|img|iframe|source)[^>]*?(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);

describe('reference page at /docs', () => {
  it('loads all resources of the reference page from this API, with a policy that does not allow any other origins', async () => {
    const page = await get('/docs');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = page.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self';");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    const loads = loadsOf(await page.text()).filter((url) => !url.startsWith('data:'));
    expect(loads.length).toBeGreaterThan(1);
    for (const url of loads) {
      expect(url).toMatch(/^\/docs\//);
      const asset = await get(url);
      expect({ url, status: asset.status, type: asset.headers.get('content-type') }).toEqual({
        url,
        status: 200,
        type: 'text/javascript; charset=utf-8',
      });
    }
  });

  it('does not configure any external origins, telemetry or fonts for the reference page', async () => {
    const start = await (await get('/docs/start.js')).text();
    expect(start).not.toMatch(/https?:\/\//);
    expect(start).toContain("url: '/openapi.json'");
    expect(start).toContain('withDefaultFonts: false');
    expect(start).toContain('telemetry: false');
  });

  it('compresses the OpenAPI document only for clients that accept gzip', async () => {
    const zipped = await get('/openapi.json');
    expect(zipped.headers.get('content-encoding')).toBe('gzip');
    const plain = await get('/openapi.json', { 'accept-encoding': 'identity' });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await plain.json()).toEqual(await zipped.json());
    expect(Number(zipped.headers.get('content-length'))).toBeLessThan(Number(plain.headers.get('content-length')) / 5);
  });

  it('returns no body for HEAD requests, and 405 for POST requests', async () => {
    const head = await fetch(`${mir.url}/docs`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
    const post = await fetch(`${mir.url}/docs`, { method: 'POST' });
    expect(post.status).toBe(405);
    expect(post.headers.get('allow')).toBe('GET, HEAD');
  });
});
