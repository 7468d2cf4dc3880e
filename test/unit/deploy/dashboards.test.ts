import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { allDashboards, DASHBOARDS_DIR } from '../../../deploy/grafana/build';
import { selectorsOf } from '../../support/promql';

describe('Grafana dashboards', () => {
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
});
