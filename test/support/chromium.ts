import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, describe } from '@jest/globals';
import { type Browser, launch, type Page } from 'puppeteer-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** Evaluated by the debugger's protocol, which neither the page's policy nor scripts being off hinders. */
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A browser on this machine: CHROMIUM_PATH, or one of the usual names on PATH; null when there is none. */
function findChromium(): string | null {
  const given = process.env['CHROMIUM_PATH'];
  if (given) return given;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isProgram) ?? null;
}

/** Tests that need a browser: skipped with one line where there is none, except in CI. */
export const describeInBrowser: typeof describe | typeof describe.skip = (() => {
  if (findChromium() !== null || process.env['CI'] === 'true') return describe;
  process.stderr.write('No Chromium here: tests in a browser are skipped. Install one or set CHROMIUM_PATH.\n');
  return describe.skip;
})();

/** Starts one browser for a test file; it ends with the file. */
export function chromium(): () => Promise<Browser> {
  let browser: Promise<Browser> | null = null;
  afterAll(async () => {
    await (await browser)?.close();
  });
  return () => {
    const executablePath = findChromium();
    if (executablePath === null) throw new Error('No Chromium found: install one or set CHROMIUM_PATH.');
    browser ??= launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    return browser;
  };
}

export interface View {
  width: number;
  scheme: 'light' | 'dark';
}

/** The widths and schemes that pages are looked at in. */
export const VIEWS: readonly View[] = [
  { width: 360, scheme: 'light' },
  { width: 360, scheme: 'dark' },
  { width: 1280, scheme: 'light' },
  { width: 1280, scheme: 'dark' },
];

const HEIGHT = 900;

export async function show(page: Page, { width, scheme }: View): Promise<void> {
  await page.setViewport({ width, height: HEIGHT });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
}

/** Looks at the page as it was loaded; scripts run only for the look. What axe (WCAG 2 A, AA, AAA contrast, best practices) finds on the page as it stands, and whether it scrolls sideways. */
export async function faultsOf(page: Page): Promise<string[]> {
  const withScripts = page.isJavaScriptEnabled();
  await page.setJavaScriptEnabled(true);
  await page.evaluate(AXE);
  const faults = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(options: object): Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run({ rules: { 'color-contrast-enhanced': { enabled: true } } });
    const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth ? [...found, `scrolls sideways: ${scrollWidth} in ${clientWidth}`] : found;
  });
  await page.setJavaScriptEnabled(withScripts);
  return faults;
}

/** What is pressed or tapped and smaller than a fingertip (44 px); links within a sentence may be. */
export async function smallTargetsOf(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const targets = 'button, .button, summary, input:not([type=hidden], [hidden]), .top a, .ways a, .records a';
    return [...document.querySelectorAll(targets)].flatMap((target) => {
      const { width, height } = target.getBoundingClientRect();
      return width < 44 || height < 44 ? [`${width} × ${height}: ${target.outerHTML}`] : [];
    });
  });
}

/** Keeps a picture of the page where SHOTS_DIR says; nowhere without it. */
export async function shoot(page: Page, name: string, { width, scheme }: View): Promise<void> {
  const folder = process.env['SHOTS_DIR'];
  if (!folder) return;
  await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`), fullPage: true });
}

/** Clicks a button or link by its words, with the mouse and without any script, and waits for the page behind it. */
export async function press(page: Page, words: string): Promise<void> {
  const at = await page.evaluate((wanted) => {
    const target = [...document.querySelectorAll('button, a')].find(({ textContent }) => textContent?.includes(wanted));
    target?.scrollIntoView({ block: 'center' });
    const box = target?.getClientRects()[0];
    return box && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }, words);
  if (!at) throw new Error(`${page.url()} has nothing to press that says "${words}"`);
  await Promise.all([page.waitForNavigation(), page.mouse.click(at.x, at.y)]);
}
