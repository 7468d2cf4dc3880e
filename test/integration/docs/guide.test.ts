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

describe('the Partner Guide', () => {
  it('every problem code has an entry of its own, with its status and what to do', () => {
    for (const [code, { status, title }] of Object.entries(PROBLEMS)) {
      const [, ofStatus, meaning, remedy] = guide
        .querySelectorAll(`tr[id="${code}"] td`)
        .map((cell) => cell.textContent);
      expect({ code, ofStatus, meaning }).toEqual({ code, ofStatus: String(status), meaning: title });
      expect(remedy!.length).toBeGreaterThan(20);
    }
  });

  it('the type of every problem leads to its entry', async () => {
    for (const code of Object.keys(PROBLEMS)) {
      const { pathname } = new URL(problemTypeOf(code as ProblemCode, mir.ctx.config.publicUrl));
      const answer = await fetch(mir.url + pathname, { redirect: 'manual' });
      expect([answer.status, answer.headers.get('location')]).toEqual([302, `/guide#${code}`]);
      expect(guide.querySelectorAll(`[id="${code}"]`)).toHaveLength(1);
    }
  });

  it.each(['NO_SUCH_CODE', 'UNKNOWN_FIELD', 'constructor', 'rate_limited'])(
    'the type of a problem that does not exist (%s) is 404',
    async (code) => {
      const answer = await fetch(`${mir.url}/errors/${code}`, { redirect: 'manual' });
      expect([answer.status, answer.headers.get('location')]).toEqual([404, null]);
    },
  );

  it('no remedy suggests another key', () => {
    for (const code of Object.keys(PROBLEMS)) {
      const remedy = guide.querySelectorAll(`tr[id="${code}"] td`).at(-1)!.textContent;
      expect(`${code}: ${remedy}`).not.toMatch(/\b(newest|another key|other key|new one)\b/i);
    }
  });

  it('every event type of the catalog is listed with its meaning, the operator’s own ones too', () => {
    for (const { eventType, meaning } of createCatalog().entries) {
      expect(guide.querySelectorAll(`tr[id="${eventType}"] td`).map((cell) => cell.textContent)).toEqual([
        eventType,
        meaning,
      ]);
    }
    const { html } = renderGuide(createCatalog({ 'mir.boat.moored': 'A <boat> was moored.' }), 'https://mir.example');
    expect(html).toContain('Of this registry');
    expect(html).toContain('<tr role="row" id="mir.boat.moored">');
    expect(html).toContain('A &lt;boat&gt; was moored.');
  });

  it('every code that the sources give to a field, an item or a receipt has an entry', () => {
    const root = projectRoot();
    const sources = ['api', 'shared', 'workers'].flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.tsx?$/.test(name))
        .map((name) => readFileSync(path.join(root, folder, name), 'utf8')),
    );
    const given = /\bcode: '([A-Z_]+)'|settleAsFailed\(deps, job, '([A-Z_]+)'|refuse\(check, '([A-Z_]+)'/g;
    const codes = sources.flatMap((text) => [...text.matchAll(given)].map(([, ...found]) => found.find(Boolean)!));
    expect(codes.length).toBeGreaterThan(20);
    const ids = new Set(idsOf(guide));
    expect([...new Set(codes)].filter((code) => !ids.has(code))).toEqual([]);
  });

  it('the guide says where this registry answers, so that its examples need no guess', () => {
    expect(guide.querySelector('pre[data-language="sh"]')!.textContent).toBe(
      `export MIR_URL=${mir.ctx.config.publicUrl}\n`,
    );
  });

  it('every link within the guide leads to a place of it, and no place has the name of another', () => {
    const ids = idsOf(guide);
    expect(new Set(ids).size).toBe(ids.length);
    const links = guide.querySelectorAll('a[href^="#"]').map((link) => link.getAttribute('href')!.slice(1));
    expect(links.length).toBeGreaterThan(8);
    expect(links.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('the guide is written for whoever holds a key: each example is there for curl, TypeScript and Python', () => {
    const languages = guide.querySelectorAll('pre[data-language]').map((pre) => pre.getAttribute('data-language'));
    for (const language of ['sh', 'ts', 'python']) {
      expect(languages.filter((one) => one === language).length).toBeGreaterThan(10);
    }
    expect(guide.textContent).not.toMatch(/\{\{|\[object/);
  });

  it('where people have no pages, the start page leads to the guide', async () => {
    const own = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
    try {
      const start = await fetch(`${own.url}/`, { redirect: 'manual' });
      expect([start.status, start.headers.get('location')]).toEqual([303, '/guide']);
      expect((await fetch(`${own.url}/signup`)).status).toBe(404);
    } finally {
      await own.close();
    }
  });
});
