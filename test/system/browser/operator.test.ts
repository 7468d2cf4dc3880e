import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { anEvent } from '../../support/builders';
import { describeInBrowser, faultsOf, openTab, press, shoot } from '../../support/chromium';
import { ADMIN_TOKEN, type Harness } from '../../support/harness';
import { startHarnessForPeople } from '../../support/people';

let h: Harness;

describeInBrowser('the operator console in a browser', () => {
  beforeAll(async () => {
    h = await startHarnessForPeople();
    await h.stopWorkers();
    const { liveKey } = await h.partner();
    await h.client.post('/events', liveKey, { events: [anEvent({ metadata: { note: 'private words' } })] });
  });
  afterAll(() => h.close());

  it('lets the operator log in, see queues and jobs without event content, and log out', async () => {
    const page = await openTab();
    const foreignUrls: string[] = [];
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== h.url) foreignUrls.push(request.url());
    });
    await page.goto(`${h.url}/admin/queues`);
    expect(page.url()).toBe(`${h.url}/admin/login`);
    expect(await faultsOf(page, 'operator-login')).toEqual([]);
    await page.type('#token', ADMIN_TOKEN);
    await press(page, 'Log in');
    expect(page.url()).toBe(`${h.url}/admin/queues`);
    await page.waitForFunction(() => /cascades/.test(document.body.textContent));
    await shoot(page, 'operator-queues');

    const [job] = await h.ctx.queues.events.getJobs();
    await page.goto(`${h.url}/admin/queues/queue/events/${job!.id}`);
    await page.waitForFunction(() => /string\(21\)/.test(document.body.textContent));
    await shoot(page, 'operator-job');
    const text = await page.evaluate(() => document.body.textContent);
    expect(text).not.toMatch(/private|Retry|Remove|Promote|Clean/);
    expect(foreignUrls).toEqual([]);

    await page.goto(`${h.url}/admin/logout`);
    expect(await faultsOf(page, 'operator-logout')).toEqual([]);
    await press(page, 'Log out');
    expect(page.url()).toBe(`${h.url}/admin/login`);
    await page.goto(`${h.url}/admin/queues`);
    expect(page.url()).toBe(`${h.url}/admin/login`);
  });
});
