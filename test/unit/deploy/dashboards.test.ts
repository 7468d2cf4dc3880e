import { describe, expect, it } from '@jest/globals';
import { createMetrics } from '../../../shared/metrics/metrics';
import { allExpressions, DASHBOARDS, selectorsOf } from '../../support/promql';

/** The UID of the data source in provisioning/datasources. */
const DATA_SOURCE = 'mir-prometheus';
const COLUMNS = 24;
/** Grafana shows neither the name nor the values of such a variable. */
const HIDDEN = 2;

/** Returns the names of all exported series, plus `up` and `ALERTS`, which Prometheus adds. */
function exportedNames(): Set<string> {
  const metrics = [createMetrics('api'), createMetrics('worker')].flatMap(({ registry }) =>
    registry.getMetricsAsArray(),
  );
  const names = metrics.flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]);
  return new Set([...names, 'up', 'ALERTS']);
}

describe('Grafana dashboards', () => {
  it.each([...DASHBOARDS])('%s has a unique UID and panels that do not overlap', (file, { uid, panels }) => {
    expect(uid).toBe(file);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => [x + (n % w), y + Math.floor(n / w)] as const),
    );
    expect(cells.filter(([x]) => x >= COLUMNS)).toEqual([]);
    expect(new Set(cells.map((cell) => cell.join())).size).toBe(cells.length);
  });

  it.each([...DASHBOARDS])('%s uses only the provisioned data source', (_file, { panels }) => {
    const sources = panels.flatMap((panel) => [panel, ...panel.targets]);
    expect(sources.length).toBeGreaterThan(10);
    for (const source of sources) expect(source).toMatchObject({ datasource: { uid: DATA_SOURCE } });
  });

  it.each([...DASHBOARDS])(
    '%s links to the runbook at the public URL, which a hidden variable reads',
    (_file, board) => {
      expect(board.links).toContainEqual(expect.objectContaining({ url: '${mir_url:raw}/runbook' }));
      const variables = board.templating.list.map(({ name, definition, hide = 0 }) => [name, definition, hide]);
      expect(variables).toEqual([
        ['instance', 'label_values(mir_build_info, instance)', 0],
        ['mir_url', 'label_values(mir_public_url_info, url)', HIDDEN],
      ]);
      for (const [, definition] of variables)
        expect(exportedNames()).toContain(/\((\w+),/.exec(String(definition))![1]);
    },
  );

  it('uses only valid PromQL and exported series in dashboards and rules', () => {
    const expressions = allExpressions();
    const known = exportedNames();
    // A recording rule is listed under the name of the series that it records.
    for (const [name] of expressions) if (name.startsWith('mir:')) known.add(name);
    const unknown = expressions.flatMap(([where, expr]) =>
      selectorsOf(expr)
        .map((selector) => /^[\w:]+/.exec(selector)![0])
        .filter((name) => !known.has(name))
        .map((name) => `${where}: ${name}`),
    );
    expect(expressions.length).toBeGreaterThan(80);
    expect(unknown).toEqual([]);
  });
});

describe('selectorsOf', () => {
  it('finds selectors anywhere in an expression, and throws on invalid PromQL', () => {
    const expr = 'sum by (a) (rate(x_bucket{r="/a/:id"}[5m])) / (b or vector(0)) > 3 and topk(2, mir:c{d=~"e|f"})';
    expect(selectorsOf(expr)).toEqual(['x_bucket{r="/a/:id"}', 'b', 'mir:c{d=~"e|f"}']);
    expect(() => selectorsOf('sum(')).toThrow('invalid PromQL');
  });
});
