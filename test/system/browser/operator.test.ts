import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { anEvent } from '../../support/builders';
import { chromium, describeInBrowser, faultsOf, press, shoot, show, type View, VIEWS } from '../../support/chromium';
import { ADMIN_TOKEN, type Harness } from '../../support/harness';
import { startHarnessForPeople } from '../../support/people';

let h: Harness;
const browser = chromium();

describeInBrowser('the operator in a browser', () => {
  beforeAll(async () => {
    h = await startHarnessForPeople();
    await h.stopWorkers();
    const { liveKey } = await h.partner();
    await h.client.post('/events', liveKey, { events: [anEvent({ metadata: { note: 'private words' } })] });
  });
  afterAll(() => h.close());

  /** A tab of its own; answers what it asked of other origins, too. */
  async function openTab(view: View): Promise<{ page: Page; foreign: string[] }> {
    const page = await (await (await browser()).createBrowserContext()).newPage();
    const foreign: string[] = [];
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== h.url) foreign.push(request.url());
    });
    await show(page, view);
    return { page, foreign };
  }

  it.each(VIEWS)(
    'logs in, sees the queues and a job without its content, and logs out ($width px, $scheme)',
    async (view) => {
      const { page, foreign } = await openTab(view);
      await page.goto(`${h.url}/admin/queues`);
      expect(page.url()).toBe(`${h.url}/admin/login`);
      expect(await faultsOf(page)).toEqual([]);
      await shoot(page, 'operator-login', view);
      await page.type('#token', ADMIN_TOKEN);
      await press(page, 'Log in');
      expect(page.url()).toBe(`${h.url}/admin/queues`);
      await page.waitForFunction(() => /cascades/.test(document.body.textContent));
      await shoot(page, 'operator-queues', view);

      const [job] = await h.ctx.queues.events.getJobs();
      await page.goto(`${h.url}/admin/queues/queue/events/${job!.id}`);
      await page.waitForFunction(() => /string\(21\)/.test(document.body.textContent));
      await shoot(page, 'operator-job', view);
      const text = await page.evaluate(() => document.body.textContent);
      expect(text).not.toMatch(/private|Retry|Remove|Promote|Clean/);
      expect(foreign).toEqual([]);

      await page.goto(`${h.url}/admin/logout`);
      expect(await faultsOf(page)).toEqual([]);
      await press(page, 'Log out');
      expect(page.url()).toBe(`${h.url}/admin/login`);
      await page.goto(`${h.url}/admin/queues`);
      expect(page.url()).toBe(`${h.url}/admin/login`);
    },
  );
});
