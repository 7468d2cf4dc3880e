import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HTMLElement, parse } from 'node-html-parser';
import { createCatalog } from '../../../shared/domain/catalog';
import { PROBLEMS } from '../../../api/http/problems';
import { problemTypeOf } from '../../../api/http/problem';
import type { ProblemCode } from '../../../shared/errors';
import { renderGuide } from '../../../api/web/guide/render-guide';
import { projectRoot } from '../../../shared/project';
import { type Harness, startHarness } from '../../support/harness';
import { sharedHarness } from '../../support/shared-harness';

let mir: Harness;
let guide: HTMLElement;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  guide = parse(await (await fetch(`${mir.url}/guide`)).text(), { blockTextElements: {} });
});
afterAll(() => mir.close());

const idsOf = (page: HTMLElement): string[] => page.querySelectorAll('[id]').map(({ id }) => id);

describe('Partner Guide', () => {
  it('lists every problem code with its status, title and remedy', () => {
    for (const [code, { status, title }] of Object.entries(PROBLEMS)) {
      const [, listedStatus, meaning, remedy] = guide
        .querySelectorAll(`tr[id="${code}"] td`)
        .map((cell) => cell.textContent);
      expect({ code, listedStatus, meaning }).toEqual({ code, listedStatus: String(status), meaning: title });
      expect(remedy!.length).toBeGreaterThan(20);
    }
  });

  it('redirects the type URL of every problem to its entry in the guide', async () => {
    for (const code of Object.keys(PROBLEMS)) {
      const { pathname } = new URL(problemTypeOf(code as ProblemCode, mir.ctx.config.publicUrl));
      const response = await fetch(mir.url + pathname, { redirect: 'manual' });
      expect([response.status, response.headers.get('location')]).toEqual([302, `/guide#${code}`]);
      expect(guide.querySelectorAll(`[id="${code}"]`)).toHaveLength(1);
    }
  });

  it.each(['NO_SUCH_CODE', 'UNKNOWN_FIELD', 'constructor', 'rate_limited'])(
    'returns 404 for the type URL of an unknown problem: %s',
    async (code) => {
      const response = await fetch(`${mir.url}/errors/${code}`, { redirect: 'manual' });
      expect([response.status, response.headers.get('location')]).toEqual([404, null]);
    },
  );

  it('never suggests another API key as a remedy', () => {
    for (const code of Object.keys(PROBLEMS)) {
      const remedy = guide.querySelectorAll(`tr[id="${code}"] td`).at(-1)!.textContent;
      expect(`${code}: ${remedy}`).not.toMatch(/\b(newest|another key|other key|new one)\b/i);
    }
  });

  it("lists every event type with its meaning, including the operator's own event types", () => {
    for (const { eventType, meaning } of createCatalog().entries) {
      expect(guide.querySelectorAll(`tr[id="${eventType}"] td`).map((cell) => cell.textContent)).toEqual([
        eventType,
        meaning,
      ]);
    }
    const { html } = renderGuide(createCatalog({ 'mir.boat.moored': 'A <boat> was moored.' }), 'https://mir.example');
    expect(html).toContain('<h3 id="custom">Custom</h3>');
    expect(html).toContain('<tr role="row" id="mir.boat.moored">');
    expect(html).toContain('A &lt;boat&gt; was moored.');
  });

  it('has an entry for every field, item and receipt code that appears in the source code', () => {
    const root = projectRoot();
    const sources = ['api', 'shared', 'workers'].flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.tsx?$/.test(name))
        .map((name) => readFileSync(path.join(root, folder, name), 'utf8')),
    );
    const assigned = /\bcode: '([A-Z_]+)'|addIssue\(check, '([A-Z_]+)'/g;
    const codes = sources.flatMap((text) => [...text.matchAll(assigned)].map(([, ...found]) => found.find(Boolean)!));
    // Each alternative in the pattern matches at least one of these codes.
    expect(codes).toEqual(expect.arrayContaining(['UNKNOWN_FIELD', 'PAYLOAD_UNREADABLE', 'INVALID_ORIGIN']));
    const ids = new Set(idsOf(guide));
    expect([...new Set(codes)].filter((code) => !ids.has(code))).toEqual([]);
  });

  it("uses this registry's URL in the guide's examples", () => {
    expect(guide.querySelector('pre[data-language="sh"]')!.textContent).toBe(
      `export MIR_URL=${mir.ctx.config.publicUrl}\n`,
    );
  });

  it('renders the guide with unique anchors and no broken internal links', () => {
    const ids = idsOf(guide);
    expect(new Set(ids).size).toBe(ids.length);
    const links = guide.querySelectorAll('a[href^="#"]').map((link) => link.getAttribute('href')!.slice(1));
    expect(links.length).toBeGreaterThan(8);
    expect(links.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('renders examples for curl, TypeScript and Python without unfilled placeholders', () => {
    const languages = guide.querySelectorAll('pre[data-language]').map((pre) => pre.getAttribute('data-language'));
    for (const language of ['sh', 'ts', 'python']) {
      expect(languages.filter((one) => one === language).length).toBeGreaterThan(10);
    }
    expect(guide.textContent).not.toMatch(/\{\{|\[object/);
  });

  it('redirects the home page to the guide if the pages for people are unavailable', async () => {
    const own = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
    try {
      const home = await fetch(`${own.url}/`, { redirect: 'manual' });
      expect([home.status, home.headers.get('location')]).toEqual([303, '/guide']);
      expect((await fetch(`${own.url}/signup`)).status).toBe(404);
    } finally {
      await own.close();
    }
  });
});
