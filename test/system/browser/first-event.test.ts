import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { projectRoot } from '../../../shared/project';
import { freePort } from '../../../deploy/local/ports';
import { describeInBrowser, openTab, press } from '../../support/chromium';
import { PASSWORD } from '../../support/password';
import { tempDirs } from '../../support/temp-dirs';
import { waitUntil } from '../../support/wait-until';

const TIMEOUT_MS = 120_000;

const { tempDir } = tempDirs();

/** Starts what `npm start` starts, with its own stores, and returns its URL. */
async function startMir(): Promise<{ url: string; stop: () => Promise<void> }> {
  const env = { ...process.env, DATA_DIR: tempDir(), PORT: String(await freePort()) };
  const program = join(projectRoot(), 'dist', 'deploy', 'local', 'main.js');
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await waitUntil('MIR is ready', () => output.includes('Press Ctrl-C to stop'), TIMEOUT_MS);
  const url = /MIR is ready {2}(http:\S+)/.exec(output)![1]!;
  const stop = async (): Promise<void> => {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  };
  return { url, stop };
}

/** Opens the link in the newest email to an address in the outbox. */
async function openMailedLink(page: Page, url: string, to: string, path: string): Promise<void> {
  let href: string | undefined;
  await waitUntil(`an email to ${to} with ${path} is in the outbox`, async () => {
    await page.goto(`${url}/outbox`);
    href = await page.evaluate(
      (address, wanted) =>
        [...document.querySelectorAll('main li, main article')]
          .find((mail) => mail.textContent?.includes(address) && mail.querySelector(`a[href*="${wanted}"]`))
          ?.querySelector<HTMLAnchorElement>(`a[href*="${wanted}"]`)?.href,
      to,
      path,
    );
    return href !== undefined;
  });
  await page.goto(href!);
}

async function acceptInvitation(page: Page, url: string, email: string, name: string): Promise<void> {
  await openMailedLink(page, url, email, '/portal/invitation');
  await page.type('#name', name);
  await page.type('#password', PASSWORD);
  await press(page, 'Accept invitation');
  await page.type('#email', email);
  await page.type('#password', PASSWORD);
  await press(page, 'Log in');
}

describeInBrowser('a fresh npm start', () => {
  it(
    'leads from an application to its approval in the console, the first key and the first event, without a shell',
    async () => {
      const mir = await startMir();
      const startedAtMs = performance.now();
      const applicant = await openTab({ scripts: false });
      const operator = await openTab({ scripts: false });

      await applicant.goto(`${mir.url}/partners`);
      await press(applicant, 'Apply');
      await applicant.type('#name', 'Quay Forum');
      await applicant.type('#website', 'https://quay.example');
      await applicant.type('#contactEmail', 'ana@quay.example');
      await applicant.type('#useCase', 'Posted reviews become events.');
      await press(applicant, 'Send application');
      await openMailedLink(applicant, mir.url, 'ana@quay.example', '/confirm');
      await press(applicant, 'Confirm');

      await acceptInvitation(operator, mir.url, 'operator@mir.example', 'Olu Ade');
      await operator.goto(`${mir.url}/console`);
      await press(operator, 'Quay Forum');
      await press(operator, 'Approve');
      expect(operator.url()).toContain('done=approved');

      await acceptInvitation(applicant, mir.url, 'ana@quay.example', 'Ana Diaz');
      await press(applicant, 'Open');
      await press(applicant, 'API keys');
      await press(applicant, 'Create an API key');
      await applicant.type('#name', 'Forum');
      await press(applicant, 'Create the key');
      const key = await applicant.$eval('#api-key', ({ textContent }) => textContent);
      expect(key).toMatch(/^mir_live_/);
      await press(applicant, 'Send a first event');
      await press(applicant, 'Send the event');
      await applicant.waitForFunction(() => document.querySelector('h1')?.textContent === 'The event is stored');
      const shown = await applicant.$eval('main', ({ textContent }) => textContent);
      expect(shown).toContain('Tier 1');
      const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
      process.stderr.write(`From the application to the first event: ${seconds} s of machine time\n`);
      await mir.stop();
    },
    TIMEOUT_MS,
  );
});
