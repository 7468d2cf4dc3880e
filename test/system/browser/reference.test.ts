import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { chromium, describeInBrowser, faultsOf, shoot, show, type View, VIEWS } from '../../support/chromium';
import { type Harness, startHarness } from '../../support/harness';

/**
 * Scalar reports a schema without `type` (a union of components, any value) as a fault, in two messages. OpenAPI 3.1
 * allows it, and the page shows it.
 */
const FROM_SCALAR = new Set(['document validation errors: ', '[array Array]']);

let h: Harness;
const browser = chromium();

describeInBrowser('guide and reference in a browser', () => {
  beforeAll(async () => {
    h = await startHarness({ workers: false });
  });
  afterAll(() => h.close());

  async function openTab(view: View): Promise<{ page: Page; complaints: string[]; asked: string[] }> {
    const page = await (await (await browser()).createBrowserContext()).newPage();
    await show(page, view);
    const [complaints, asked]: [string[], string[]] = [[], []];
    page.on('console', (message) => {
      if (message.type() !== 'info' && !FROM_SCALAR.has(message.text())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => void complaints.push(String(error)));
    page.on('request', (request) => void asked.push(request.url()));
    return { page, complaints, asked };
  }

  it.each(VIEWS)('the guide reads well, without scripts, at $width px, $scheme', async (view) => {
    const { page, complaints } = await openTab(view);
    await page.setJavaScriptEnabled(false);
    await page.goto(`${h.url}/guide`);
    await shoot(page, 'guide', view);
    expect(await faultsOf(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it.each(VIEWS.filter(({ scheme }) => scheme === 'light'))(
    'the reference opens and asks nobody but this API, at $width px',
    async (view) => {
      const { page, complaints, asked } = await openTab(view);
      await page.goto(`${h.url}/docs`, { waitUntil: 'networkidle0' });
      await page.waitForFunction(() => document.body.textContent?.includes('Participation history as neutral facts'));
      await shoot(page, 'docs', view);
      expect(asked.length).toBeGreaterThan(3);
      expect(asked.filter((url) => !url.startsWith(h.url) && !url.startsWith('data:'))).toEqual([]);
      expect(complaints).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(view.width);
    },
  );

  it('a request sent from the reference reaches this API and shows its answer', async () => {
    const { page, complaints } = await openTab({ width: 1280, scheme: 'light' });
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
