import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { describeWithPrometheus, promtool } from '../../support/prometheus';

const ROOT = join(__dirname, '../../..');
const DIR = join(ROOT, 'deploy/prometheus');

interface Rule {
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

const yamlIn = (folder: string): string[] =>
  readdirSync(join(DIR, folder))
    .filter((file) => file.endsWith('.yml'))
    .map((file) => join(folder, file));
const read = (file: string): unknown => parse(readFileSync(join(DIR, file), 'utf8'));
const alerts = yamlIn('rules')
  .flatMap((file) => (read(file) as { groups: { rules: Rule[] }[] }).groups)
  .flatMap(({ rules }) => rules)
  .filter(({ alert }) => alert !== undefined);

/** Expands to the public URL of MIR, which its API processes export. */
const PUBLIC_URL = '{{ with query "last_over_time(mir_public_url_info[1d])" }}{{ . | first | label "url" }}{{ end }}';
/** The sections about alerts. Other sections have titles of several words. */
const ALERT_SECTION = /^## (?=\S+$)/m;

/** The first word of a runbook section, by the severity of its alert. */
const SEVERITIES: Record<string, string> = { page: 'Page', ticket: 'Ticket', info: 'Info' };

describe('Prometheus rules', () => {
  describeWithPrometheus('promtool', () => {
    it('accepts the configuration and every rule', async () => {
      expect(await promtool(['check', 'config', 'prometheus.yml', 'kubernetes.yml'], DIR)).toMatchObject({ code: 0 });
      expect(await promtool(['check', 'rules', ...yamlIn('rules')], DIR)).toMatchObject({ code: 0 });
    });

    it.concurrent.each(yamlIn('tests'))(
      'passes the rule tests in %s',
      async (file) => {
        const { code, output } = await promtool(['test', 'rules', file], DIR);
        expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('SUCCESS') });
      },
      180_000,
    );
  });

  it('has a rule test for every alert, and a case without alerts in each test file', () => {
    const fired = new Set<string>();
    for (const file of yamlIn('tests')) {
      const { tests } = read(file) as {
        tests: { promql_expr_test: { expr: string; exp_samples: { labels: string }[] }[] }[];
      };
      const expected = tests.flatMap(({ promql_expr_test }) => promql_expr_test);
      expect(expected.some(({ exp_samples }) => exp_samples.length === 0)).toBe(true);
      expect(new Set(expected.map(({ expr }) => expr))).toEqual(
        new Set(['count by (alertname) (ALERTS{alertstate="firing"})']),
      );
      for (const { labels } of expected.flatMap(({ exp_samples }) => exp_samples)) {
        fired.add(/alertname="(\w+)"/.exec(labels)![1]!);
      }
    }
    expect(fired).toEqual(new Set(alerts.map(({ alert }) => alert)));
  });

  it('gives every alert a summary, a severity and a link to its runbook section', () => {
    const headings = readFileSync(join(ROOT, 'deploy/docs/runbook.md'), 'utf8').match(/^## \S+$/gm) ?? [];
    const entries = headings.map((heading) => heading.slice('## '.length));
    for (const { alert, labels, annotations } of alerts) {
      expect(Object.keys(SEVERITIES)).toContain(labels?.['severity']);
      expect([annotations?.['summary'], annotations?.['description']]).toEqual([
        expect.any(String),
        expect.stringContaining(' '),
      ]);
      expect(annotations!['runbook_url']).toBe(`${PUBLIC_URL}/runbook#${alert!.toLowerCase()}`);
    }
    expect(entries).toHaveLength(alerts.length);
    expect(new Set(entries)).toEqual(new Set(alerts.map(({ alert }) => alert)));
  });

  it('documents the severity, impact and fix in every runbook section, and links only to sections that exist', () => {
    const text = readFileSync(join(ROOT, 'deploy/docs/runbook.md'), 'utf8');
    const sections = text.split(ALERT_SECTION).slice(1);
    const severityOf = new Map(alerts.map(({ alert, labels }) => [alert, labels?.['severity']]));
    for (const section of sections) {
      const name = section.slice(0, section.indexOf('\n'));
      expect(section).toContain(`\n${SEVERITIES[severityOf.get(name)!]}. `);
      if (!name.endsWith('BurnSlow')) expect(section).toMatch(/\*\*Impact\*\*[^]*\*\*[Ff]ix\*\*/);
    }
    const anchors = [...text.matchAll(/\]\(#([a-z]+)\)/g)].map(([, anchor]) => anchor);
    const known = new Set(sections.map((section) => section.slice(0, section.indexOf('\n')).toLowerCase()));
    expect(anchors.length).toBeGreaterThan(0);
    expect(anchors.filter((anchor) => !known.has(anchor!))).toEqual([]);
  });
});
