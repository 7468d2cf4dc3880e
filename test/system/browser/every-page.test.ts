import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { PAGES } from '../../../api/web/routes';
import { describeInBrowser, faultsOf, openTab } from '../../support/chromium';
import { everyRoute } from '../../support/every-route';
import type { Harness } from '../../support/harness';
import { oidcServers } from '../../support/oidc-server';
import { startHarnessForPeople } from '../../support/people';
import type { RouteCall } from '../../support/route-call';

const TIMEOUT_MS = 300_000;
/** Paths of parts of pages, of live progress and of downloads. */
const NO_PAGE = /\/(?:live|rows|step|list|export)$/;
/** Sends the browser to the provider, to its own target or to another page. */
const REDIRECTS = /\/oidc|^GET \/errors\/:code$/;

const oidcServer = oidcServers();
let h: Harness;
let calls: RouteCall[];

/** Opens a page as a browser with the cookies of the request would. Returns what is shown instead, if anything. */
async function visit(page: Page, { route, path, headers }: RouteCall): Promise<string[]> {
  const cookies = (headers['cookie'] ?? '').split('; ').filter(Boolean);
  await page.browserContext().deleteCookie(...(await page.browserContext().cookies()));
  await page.setExtraHTTPHeaders({ 'x-forwarded-for': headers['x-forwarded-for']! });
  const { hostname } = new URL(h.url);
  await page.browserContext().setCookie(
    ...cookies.map((pair) => ({
      name: pair.slice(0, pair.indexOf('=')),
      value: pair.slice(pair.indexOf('=') + 1),
      domain: hostname,
    })),
  );
  const response = await page.goto(h.url + path);
  const shown = `${response!.status()} ${page.url()}`;
  return shown === `200 ${h.url}${path}` ? [] : [`${route} shows ${shown}`];
}

describeInBrowser('every page', () => {
  beforeAll(async () => {
    const provider = await oidcServer();
    h = await startHarnessForPeople({
      workers: false,
      env: {
        OIDC_ISSUER: provider.issuer,
        OIDC_CLIENT_ID: provider.clientId,
        OIDC_CLIENT_SECRET: provider.clientSecret,
      },
    });
    calls = await everyRoute(h, provider);
  }, TIMEOUT_MS);
  afterAll(() => h.close());

  it(
    'is accessible in light and dark, on phones and wide screens',
    async () => {
      const routes = new Set(
        PAGES.filter(({ method, path }) => method === 'GET' && !NO_PAGE.test(path)).map(({ path }) => `GET ${path}`),
      );
      const page = await openTab();
      const visited = new Set<string>();
      const faults: string[] = [];
      for (const call of calls) {
        if (!routes.has(call.route) || visited.has(call.route) || REDIRECTS.test(call.route)) continue;
        visited.add(call.route);
        faults.push(...(await visit(page, call)));
        faults.push(...(await faultsOf(page, call.route.slice('GET /'.length).replaceAll(/[/:]+/g, '-'))));
      }
      expect(faults).toEqual([]);
      expect(visited.size).toBeGreaterThan(80);
      expect([...routes].filter((route) => !visited.has(route) && !REDIRECTS.test(route))).toEqual([]);
      await page.browserContext().close();
    },
    TIMEOUT_MS,
  );
});
