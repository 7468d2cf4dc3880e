import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { describeInBrowser, faultsOf, openTab, shoot, show, VIEWS } from '../../support/chromium';
import { type Harness, startHarness } from '../../support/harness';

/**
 * Scalar logs these messages for schemas without `type`. OpenAPI 3.1 allows such schemas, and Scalar renders them
 * correctly.
 */
const SCALAR_FALSE_ALARMS = new Set(['document validation errors: ', '[array Array]']);

let h: Harness;

describeInBrowser('guide, runbook and reference in a browser', () => {
  beforeAll(async () => {
    h = await startHarness({ workers: false });
  });
  afterAll(() => h.close());

  async function openWatchedTab({ scripts = true } = {}): Promise<{
    page: Page;
    browserErrors: string[];
    requestedUrls: string[];
  }> {
    const page = await openTab({ scripts });
    const [browserErrors, requestedUrls]: [string[], string[]] = [[], []];
    page.on('console', (message) => {
      if (message.type() !== 'info' && !SCALAR_FALSE_ALARMS.has(message.text())) browserErrors.push(message.text());
    });
    page.on('pageerror', (error) => void browserErrors.push(String(error)));
    page.on('request', (request) => void requestedUrls.push(request.url()));
    return { page, browserErrors, requestedUrls };
  }

  it.each(['guide', 'runbook'])('shows the %s without scripts', async (name) => {
    const { page, browserErrors } = await openWatchedTab({ scripts: false });
    await page.goto(`${h.url}/${name}`);
    expect(await faultsOf(page, name)).toEqual([]);
    expect(browserErrors).toEqual([]);
  });

  it('scrolls long lines of code inside their frame, by keyboard, and colors the code', async () => {
    const { page } = await openWatchedTab();
    await page.goto(`${h.url}/guide`);
    for (const view of VIEWS) {
      await show(page, view);
      const outside = await page.$$eval(
        'pre',
        (blocks) =>
          blocks.filter((block) => block.getBoundingClientRect().right > document.documentElement.clientWidth).length,
      );
      expect(outside).toBe(0);
    }
    await show(page, VIEWS[0]!);
    const wide = await page.evaluateHandle(() =>
      [...document.querySelectorAll('pre')].find(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)!,
    );
    await wide.focus();
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction((block) => block.scrollLeft > 0, {}, wide);
    const colors = await wide.evaluate((block) => [
      ...new Set([...block.querySelectorAll('[class^=code-]')].map((part) => getComputedStyle(part).color)),
    ]);
    expect(colors.length).toBeGreaterThan(1);
  });

  it('opens the API reference without sending requests to other origins', async () => {
    const { page, browserErrors, requestedUrls } = await openWatchedTab();
    await page.goto(`${h.url}/docs`, { waitUntil: 'networkidle0' });
    await page.waitForFunction(() => document.body.textContent?.includes('participation history as neutral facts'));
    await shoot(page, 'docs');
    for (const view of VIEWS) {
      await show(page, view);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(view.width);
    }
    expect(requestedUrls.length).toBeGreaterThan(3);
    expect(requestedUrls.filter((url) => !url.startsWith(h.url) && !url.startsWith('data:'))).toEqual([]);
    expect(browserErrors).toEqual([]);
  });

  it('sends a test request from the API reference to this API and shows the response', async () => {
    const { page, browserErrors } = await openWatchedTab();
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(`${h.url}/docs#tag/events/GET/v1/event-types`, { waitUntil: 'networkidle0' });
    /** Clicks the first button inside `container` whose text starts with `label`. */
    const click = async (label: string, container: string): Promise<void> => {
      const button = await page.waitForFunction(
        (prefix, selector) =>
          [...document.querySelectorAll(`${selector} button`)].find(({ textContent }) =>
            textContent?.trim().startsWith(prefix),
          ),
        {},
        label,
        container,
      );
      await (button as unknown as { click(): Promise<void> }).click();
    };
    await click('Test Request', '[id$="tag/events/GET/v1/event-types"]');
    const apiResponse = page.waitForResponse((response) => new URL(response.url()).pathname === '/v1/event-types');
    await click('Send', 'body');
    expect((await apiResponse).status()).toBe(200);
    await page.waitForFunction(() => document.body.textContent?.includes('200 OK'));
    expect(browserErrors).toEqual([]);
  });
});
