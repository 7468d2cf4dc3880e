import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { projectRoot } from '../../shared/project';

const RULES_DIR = join(projectRoot(), 'deploy/prometheus/rules');
export const RULE_FILES = readdirSync(RULES_DIR).map((file) => join(RULES_DIR, file));

const DASHBOARDS_DIR = join(projectRoot(), 'deploy/grafana/dashboards');

interface Dashboard {
  uid: string;
  title: string;
  annotations: { list: { name: string; expr: string }[] };
  templating: { list: { name: string; definition: string; hide?: number }[] };
  links: { title: string; url?: string }[];
  panels: {
    id: number;
    title: string;
    gridPos: { x: number; y: number; w: number; h: number };
    targets: { refId: string; expr: string }[];
  }[];
}

/** The provisioned Grafana dashboards, by file name without `.json`. */
export const DASHBOARDS = new Map(
  readdirSync(DASHBOARDS_DIR).map((file) => [
    basename(file, '.json'),
    JSON.parse(readFileSync(join(DASHBOARDS_DIR, file), 'utf8')) as Dashboard,
  ]),
);

/** Returns every expression in the dashboards and rules, with its location. */
export function allExpressions(): [where: string, expr: string][] {
  const panels = [...DASHBOARDS.values()].flatMap(({ title, panels: all }) =>
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
  const annotations = [...DASHBOARDS.values()].flatMap(({ title, annotations: { list } }) =>
    list.map(({ name, expr }): [string, string] => [`${title}: annotation ${name}`, expr]),
  );
  return [...panels, ...annotations, ...rules].map(([where, expr]) => [
    where,
    expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*'),
  ]);
}

/** Returns the selectors in an expression, parsed with Prometheus's grammar. Throws if the expression is not PromQL. */
export function selectorsOf(expr: string): string[] {
  const selectors: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, type, from, to }) => {
      if (type.isError) throw new Error(`invalid PromQL at ${from}: ${expr}`);
      if (name === 'VectorSelector') selectors.push(expr.slice(from, to));
    },
  });
  return selectors;
}
