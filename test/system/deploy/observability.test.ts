import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { ADMIN_TOKEN, type Harness, startHarness } from '../../support/harness';
import { testProcesses } from '../../support/processes';
import type { TestProcess } from '../../support/start-process';
import { describeWithPrometheus, promtool, type RunningPrometheus, startPrometheus } from '../../support/prometheus';
import { playTraffic } from '../../support/traffic';
import { allExpressions, RULE_FILES, selectorsOf } from '../../support/promql';
import { waitUntil } from '../../support/wait-until';

const DIR = join(__dirname, '../../../deploy/prometheus');
const SCRAPES_TIMEOUT_MS = 60_000;

describe('metrics and dashboards', () => {
  describeWithPrometheus('a Prometheus server that scrapes an API process and a worker', () => {
    const start = testProcesses();
    let mir: Harness;
    let processes: Record<'mir-api' | 'mir-worker', TestProcess>;
    let prometheus: RunningPrometheus | undefined;
    const dir = mkdtempSync(join(tmpdir(), 'mir-prometheus-'));

    /** Returns the repository's Prometheus configuration with short intervals and with these processes as targets. */
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
      // The harness provides only the databases. All requests go to the processes started below.
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
      'finds every series that a dashboard or rule uses',
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

    it('runs every expression in dashboards and rules without an error', async () => {
      for (const [, expr] of allExpressions())
        await expect(prometheus!.query(expr)).resolves.toEqual(expect.any(Array));
    });

    it('reports the targets of both jobs as up', async () => {
      const up = await prometheus!.query('up');
      expect(Object.fromEntries(up.map(({ metric, value }) => [metric['job'], value[1]]))).toEqual({
        'mir-api': '1',
        'mir-worker': '1',
      });
    });

    it('does not fire any alerts on a healthy system', async () => {
      const alerts = await prometheus!.query('ALERTS{alertstate="firing",severity!="info"}');
      expect(alerts.map(({ metric }) => metric['alertname'])).toEqual([]);
    });

    it('scrapes metrics that pass promtool linting', async () => {
      const undocumented = await promtool(['check', 'metrics'], dir, '# TYPE mir_things counter\nmir_things 1\n');
      expect(undocumented.output).toContain('mir_things ');
      for (const { port } of Object.values(processes)) {
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        const { output } = await promtool(['check', 'metrics'], dir, text);
        expect(output.split('\n').filter((line) => line.startsWith('mir_'))).toEqual([]);
        expect(output).not.toContain('error while linting');
      }
    });
  });
});
