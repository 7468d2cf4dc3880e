import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { parse, stringify } from 'yaml';
import { allDashboards, DASHBOARDS_DIR } from '../../../deploy/grafana/build';
import { ADMIN_TOKEN, type Harness, startHarness } from '../../support/harness';
import { type TestProcess, testProcesses } from '../../support/processes';
import { describeWithPrometheus, promtool, type RunningPrometheus, startPrometheus } from '../../support/prometheus';
import { playTraffic } from '../../support/traffic';
import { waitUntil } from '../../support/wait-until';

const DIR = join(__dirname, '../../../deploy/prometheus');
const RULE_FILES = readdirSync(join(DIR, 'rules')).map((file) => join(DIR, 'rules', file));
const SCRAPES_TIMEOUT_MS = 60_000;

interface Dashboard {
  title: string;
  panels: { title: string; targets: { expr: string }[] }[];
}

/** Every expression of a dashboard or rule, by where it stands. */
function allExpressions(): [where: string, expr: string][] {
  const dashboards = Object.values(allDashboards()) as Dashboard[];
  const panels = dashboards.flatMap(({ title, panels: all }) =>
    all.flatMap((panel) => panel.targets.map(({ expr }): [string, string] => [`${title}: ${panel.title}`, expr])),
  );
  const rules = RULE_FILES.flatMap((file) => {
    const { groups } = parse(readFileSync(file, 'utf8')) as {
      groups: { rules: { alert?: string; record?: string; expr: string }[] }[];
    };
    return groups.flatMap((group) =>
      group.rules.map(({ alert, record, expr }): [string, string] => [(alert ?? record)!, expr]),
    );
  });
  return [...panels, ...rules].map(([where, expr]) => [where, expr.replaceAll('$__rate_interval', '1m')]);
}

/** The selectors of an expression, by Prometheus's own grammar. Throws where it is not PromQL. */
function selectorsOf(expr: string): string[] {
  const selectors: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, type, from, to }) => {
      if (type.isError) throw new Error(`not PromQL at ${from}: ${expr}`);
      if (name === 'VectorSelector') selectors.push(expr.slice(from, to));
    },
  });
  return selectors;
}

describe('metrics and dashboards', () => {
  it('the dashboards in the repository are those that the code makes', () => {
    const files = Object.entries(allDashboards());
    expect(readdirSync(DASHBOARDS_DIR).sort()).toEqual(files.map(([file]) => file).sort());
    for (const [file, made] of files) {
      expect(JSON.parse(readFileSync(join(DASHBOARDS_DIR, file), 'utf8'))).toEqual(JSON.parse(JSON.stringify(made)));
    }
  });

  it('selectors are found wherever they stand in an expression', () => {
    const expr = 'sum by (a) (rate(x_bucket{r="/a/:id"}[5m])) / (b or vector(0)) > 3 and topk(2, mir:c{d=~"e|f"})';
    expect(selectorsOf(expr)).toEqual(['x_bucket{r="/a/:id"}', 'b', 'mir:c{d=~"e|f"}']);
    expect(() => selectorsOf('sum(')).toThrow('not PromQL');
  });

  describeWithPrometheus(
    'a real Prometheus that scrapes an API process and a worker after traffic of every kind',
    () => {
      const start = testProcesses();
      let mir: Harness;
      let processes: Record<'mir-api' | 'mir-worker', TestProcess>;
      let prometheus: RunningPrometheus | undefined;
      const dir = mkdtempSync(join(tmpdir(), 'mir-prometheus-'));

      /** The configuration of the repository with the processes at hand as its targets, and in a hurry. */
      function configFor(ports: Record<string, number>): string {
        const config = parse(readFileSync(join(DIR, 'prometheus.yml'), 'utf8')) as {
          global: Record<string, string>;
          rule_files: string[];
          scrape_configs: { job_name: string; dns_sd_configs?: unknown; static_configs?: unknown }[];
        };
        config.global = { scrape_interval: '1s', evaluation_interval: '1s' };
        config.rule_files = RULE_FILES;
        for (const job of config.scrape_configs) {
          delete job.dns_sd_configs;
          job.static_configs = [{ targets: [`127.0.0.1:${ports[job.job_name]}`] }];
        }
        return stringify(config);
      }

      beforeAll(async () => {
        // Only its store is used: all traffic goes to the processes.
        mir = await startHarness({ workers: false });
        const env = { ...mir.env, METRICS_ON_PUBLIC_PORT: 'true' };
        processes = { 'mir-api': await start('api', env), 'mir-worker': await start('worker', env) };
        const ports = Object.fromEntries(Object.entries(processes).map(([job, { port }]) => [job, port]));
        const config = join(dir, 'prometheus.yml');
        writeFileSync(config, configFor(ports));
        prometheus = await startPrometheus(config, join(dir, 'data'));
        await playTraffic(processes['mir-api'].client, mir.ctx.store, ADMIN_TOKEN);
      });
      afterAll(async () => {
        await prometheus?.stop();
        rmSync(dir, { recursive: true, force: true });
        await mir.close();
      });

      it(
        'finds every series that a dashboard or a rule names',
        async () => {
          const wanted = new Map(
            allExpressions().flatMap(([where, expr]) => selectorsOf(expr).map((selector) => [selector, where])),
          );
          expect(wanted.size).toBeGreaterThan(50);
          const missing = new Map(wanted);
          await waitUntil(
            'every series has a sample',
            async () => {
              for (const selector of missing.keys()) {
                if ((await prometheus!.query(selector)).length > 0) missing.delete(selector);
              }
              return missing.size === 0;
            },
            SCRAPES_TIMEOUT_MS,
          ).catch(() => undefined);
          expect([...missing].map(([selector, where]) => `${where}: ${selector}`)).toEqual([]);
        },
        2 * SCRAPES_TIMEOUT_MS,
      );

      it('takes every expression as it stands', async () => {
        for (const [, expr] of allExpressions())
          await expect(prometheus!.query(expr)).resolves.toEqual(expect.any(Array));
      });

      it('has every job of the rules, and both targets are up', async () => {
        const up = await prometheus!.query('up');
        expect(Object.fromEntries(up.map(({ metric, value }) => [metric['job'], value[1]]))).toEqual({
          'mir-api': '1',
          'mir-worker': '1',
        });
      });

      it('sees no alert fire on a system that is well', async () => {
        const alerts = await prometheus!.query('ALERTS{alertstate="firing"}');
        expect(alerts.map(({ metric }) => metric['alertname'])).toEqual([]);
      });

      it('promtool finds no fault with the names, types and help of our series', async () => {
        const faulty = await promtool(['check', 'metrics'], dir, '# TYPE mir_things counter\nmir_things 1\n');
        expect(faulty.output).toContain('mir_things ');
        for (const { port } of Object.values(processes)) {
          const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
          const { output } = await promtool(['check', 'metrics'], dir, text);
          expect(output.split('\n').filter((line) => line.startsWith('mir_'))).toEqual([]);
          expect(output).not.toContain('error while linting');
        }
      });
    },
  );
});
