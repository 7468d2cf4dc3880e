import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, describe } from '@jest/globals';
import { type Browser, launch, type Page } from 'puppeteer-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/**
 * The axe source code. Evaluated through the DevTools protocol, so the page's Content-Security-Policy does not block
 * it.
 */
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns CHROMIUM_PATH if set, otherwise the first program on PATH with a common Chromium name, or null if none
 * exists.
 */
function findChromium(): string | null {
  const configured = process.env['CHROMIUM_PATH'];
  if (configured) return configured;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isProgram) ?? null;
}

/** `describe` for tests that need a browser. Outside CI, skips these tests with a message if no browser is found. */
export const describeInBrowser: typeof describe | typeof describe.skip = (() => {
  if (findChromium() !== null || process.env['CI'] === 'true') return describe;
  process.stderr.write('Skipping browser tests: Chromium was not found. Install it or set CHROMIUM_PATH.\n');
  return describe.skip;
})();

let browser: Promise<Browser> | undefined;
// Runs after the last file of the suite, because suite.js loads this module first.
afterAll(async () => {
  await (await browser)?.close();
});

/** Opens a tab with its own cookies, in a browser that all files of a suite share. */
export async function openTab({ scripts = true, ip }: { scripts?: boolean; ip?: string } = {}): Promise<Page> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('Chromium was not found. Install it or set CHROMIUM_PATH.');
  browser ??= launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
  const page = await (await (await browser).createBrowserContext()).newPage();
  await page.setJavaScriptEnabled(scripts);
  if (ip !== undefined) await page.setExtraHTTPHeaders({ 'x-forwarded-for': ip });
  await show(page, FIRST_VIEW);
  return page;
}

export interface View {
  width: number;
  scheme: 'light' | 'dark';
}

/** The widths and color schemes in which pages are checked. */
export const VIEWS: readonly View[] = [
  { width: 360, scheme: 'light' },
  { width: 360, scheme: 'dark' },
  { width: 1280, scheme: 'light' },
  { width: 1280, scheme: 'dark' },
];
/** The view that a new tab starts with. */
export const FIRST_VIEW: View = VIEWS[0]!;
/** Covers each width and scheme once: contrast does not depend on width, and layout does not depend on the scheme. */
const CHECKED_VIEWS: readonly View[] = [FIRST_VIEW, { width: 1280, scheme: 'dark' }];

const HEIGHT = 900;

export async function show(page: Page, { width, scheme }: View): Promise<void> {
  await page.setViewport({ width, height: HEIGHT });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
}

/**
 * Returns the accessibility and layout problems on the loaded page: violations that axe finds (WCAG 2 A, AA, AAA
 * contrast, best practices), horizontal scrolling, and touch targets smaller than 44 px. Checks each width and each
 * color scheme, with JavaScript enabled. If SHOTS_DIR is set, saves a screenshot of every view.
 */
export async function faultsOf(page: Page, name: string): Promise<string[]> {
  const withScripts = page.isJavaScriptEnabled();
  await page.setJavaScriptEnabled(true);
  await page.evaluate(AXE);
  const faults: string[] = [];
  await shoot(page, name);
  for (const view of CHECKED_VIEWS) {
    await show(page, view);
    const found = [...(await violationsOf(page)), ...(await smallTargetsOf(page))];
    faults.push(...found.map((fault) => `${name}, ${view.width} px, ${view.scheme}: ${fault}`));
  }
  await show(page, FIRST_VIEW);
  await page.setJavaScriptEnabled(withScripts);
  return faults;
}

async function violationsOf(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(options: object): Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run({ rules: { 'color-contrast-enhanced': { enabled: true } } });
    const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth ? [...found, `scrolls horizontally: ${scrollWidth} > ${clientWidth}`] : found;
  });
}

/** Returns the controls smaller than 44 px (WCAG 2.5.5). Hidden ones and links within a sentence are exempt. */
async function smallTargetsOf(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const targets =
      'button, .button, summary, input:not([type=hidden], [hidden]), .top a, .ways a, .records a, .operator a';
    return [...document.querySelectorAll(targets)].flatMap((target) => {
      if (target.closest('[hidden]')) return [];
      // The label of a check box is part of its target.
      const label =
        target.matches('[type=checkbox], [type=radio]') && document.querySelector(`label[for="${target.id}"]`);
      const { width, height } = (label || target).getBoundingClientRect();
      return width < 44 || height < 44 ? [`${width} × ${height}: ${target.outerHTML}`] : [];
    });
  });
}

/** Saves a screenshot of every view of the page in SHOTS_DIR, if set. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['SHOTS_DIR'];
  if (!folder) return;
  for (const view of VIEWS) {
    await show(page, view);
    const path = join(folder, `${name}-${view.width}-${view.scheme}.png`);
    await page.screenshot({ path, fullPage: true });
  }
  await show(page, FIRST_VIEW);
}

/** Clicks the first button or link that contains the text, and waits for the navigation to finish. */
export async function press(page: Page, text: string): Promise<void> {
  const at = await page.evaluate((wanted) => {
    const target = [...document.querySelectorAll('button, a')].find(({ textContent }) => textContent?.includes(wanted));
    target?.scrollIntoView({ block: 'center' });
    const box = target?.getClientRects()[0];
    return box && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }, text);
  if (!at) throw new Error(`${page.url()} has no button or link with the text "${text}"`);
  await Promise.all([page.waitForNavigation(), page.mouse.click(at.x, at.y)]);
}
