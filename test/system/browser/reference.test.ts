import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { describeInBrowser, faultsOf, openTab, shoot, show, VIEWS } from '../../support/chromium';
import { type Harness, startHarness } from '../../support/harness';

/**
 * Scalar reports a schema without `type` (a union of components, any value) as a fault, in two messages. OpenAPI 3.1
 * allows it, and the page shows it.
 */
const FROM_SCALAR = new Set(['document validation errors: ', '[array Array]']);

let h: Harness;

describeInBrowser('guide and reference in a browser', () => {
  beforeAll(async () => {
    h = await startHarness({ workers: false });
  });
  afterAll(() => h.close());

  async function openWatchedTab({ scripts = true } = {}): Promise<{
    page: Page;
    complaints: string[];
    requested: string[];
  }> {
    const page = await openTab({ scripts });
    const [complaints, requested]: [string[], string[]] = [[], []];
    page.on('console', (message) => {
      if (message.type() !== 'info' && !FROM_SCALAR.has(message.text())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => void complaints.push(String(error)));
    page.on('request', (request) => void requested.push(request.url()));
    return { page, complaints, requested };
  }

  it('shows the guide without scripts', async () => {
    const { page, complaints } = await openWatchedTab({ scripts: false });
    await page.goto(`${h.url}/guide`);
    expect(await faultsOf(page, 'guide')).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('opens the API reference and requests nothing from another origin', async () => {
    const { page, complaints, requested } = await openWatchedTab();
    await page.goto(`${h.url}/docs`, { waitUntil: 'networkidle0' });
    await page.waitForFunction(() => document.body.textContent?.includes('Participation history as neutral facts'));
    await shoot(page, 'docs');
    for (const view of VIEWS) {
      await show(page, view);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(view.width);
    }
    expect(requested.length).toBeGreaterThan(3);
    expect(requested.filter((url) => !url.startsWith(h.url) && !url.startsWith('data:'))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('a request sent from the reference reaches this API and shows its answer', async () => {
    const { page, complaints } = await openWatchedTab();
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(`${h.url}/docs#tag/events/GET/v1/event-types`, { waitUntil: 'networkidle0' });
    /** The first button that begins with these words, within the operation or (its client) anywhere. */
    const click = async (words: string, within: string): Promise<void> => {
      const button = await page.waitForFunction(
        (wanted, place) =>
          [...document.querySelectorAll(`${place} button`)].find((one) => one.textContent?.trim().startsWith(wanted)),
        {},
        words,
        within,
      );
      await (button as unknown as { click(): Promise<void> }).click();
    };
    await click('Test Request', '[id$="tag/events/GET/v1/event-types"]');
    const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/v1/event-types');
    await click('Send', 'body');
    expect((await answered).status()).toBe(200);
    await page.waitForFunction(() => document.body.textContent?.includes('200 OK'));
    expect(complaints).toEqual([]);
  });
});
