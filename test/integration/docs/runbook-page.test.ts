import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HTMLElement, parse } from 'node-html-parser';
import type { Harness } from '../../support/harness';
import { RULE_FILES } from '../../support/promql';
import { sharedHarness } from '../../support/shared-harness';

let mir: Harness;
let response: Response;
let runbook: HTMLElement;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  response = await fetch(`${mir.url}/runbook`);
  runbook = parse(await response.text(), { blockTextElements: {} });
});
afterAll(() => mir.close());

const idsIn = (page: HTMLElement): string[] => page.querySelectorAll('[id]').map(({ id }) => id);

/** The anchors to which the alerts link. */
const alertAnchors = RULE_FILES.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/\/runbook#(\w+)'$/gm)]).map(
  ([, anchor]) => anchor!,
);

describe('GET /runbook', () => {
  it('has an anchor for the link of every alert', () => {
    expect(alertAnchors.length).toBeGreaterThan(25);
    const ids = new Set(idsIn(runbook));
    expect(alertAnchors.filter((anchor) => !ids.has(anchor))).toEqual([]);
  });

  it('begins with what to do if something must be stopped now, and links to each emergency and alert', () => {
    expect(runbook.querySelector('article')!.firstElementChild!.textContent).toBe('I must stop something now');
    const linked = runbook.querySelectorAll('nav.contents a').map((link) => link.getAttribute('href'));
    expect(linked[0]).toBe('#an-agent-misbehaves');
    expect(new Set(linked.slice(-alertAnchors.length))).toEqual(new Set(alertAnchors.map((id) => `#${id}`)));
    expect(runbook.querySelector('pre code')!.textContent).toContain('kubectl -n mir exec');
  });

  it('has unique anchors, and links to nothing that this server does not serve', () => {
    const ids = idsIn(runbook);
    expect(new Set(ids).size).toBe(ids.length);
    const links = runbook.querySelectorAll('article a, nav.contents a').map((link) => link.getAttribute('href')!);
    expect(links.filter((href) => !href.startsWith('#') || !ids.includes(href.slice(1)))).toEqual([]);
    expect(runbook.textContent).toContain('deploy/docs/backup.md says what a restore cannot bring back');
    expect(runbook.textContent).toContain('deploy/prometheus/rules');
  });

  it('asks search engines not to list it', () => {
    expect(response.headers.get('x-robots-tag')).toBe('noindex');
  });
});

describe('mir_public_url_info', () => {
  it('names the URL to which alerts and dashboards link', async () => {
    const { publicUrl } = mir.ctx.config;
    expect(await mir.ctx.metrics.registry.getSingleMetricAsString('mir_public_url_info')).toContain(
      `mir_public_url_info{url="${publicUrl}",service="api"} 1`,
    );
  });
});
