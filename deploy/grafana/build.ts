import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../shared/project';
import { dashboard } from './dashboard';
import { agents } from './panels/agents';
import { ingestion } from './panels/ingestion';
import { resolve } from './panels/resolve';
import { stores } from './panels/stores';

/** Where Grafana's provisioning reads the dashboards from. */
export const DASHBOARDS_DIR = join(projectRoot(), 'deploy/grafana/dashboards');

/** Every dashboard by its file name. */
export function allDashboards(): Record<string, unknown> {
  return Object.fromEntries([ingestion, resolve, agents, stores].map((spec) => [`${spec.uid}.json`, dashboard(spec)]));
}

/** Writes the files: `npm run build && node dist/deploy/grafana/build.js`. */
if (require.main === module) {
  mkdirSync(DASHBOARDS_DIR, { recursive: true });
  for (const [file, json] of Object.entries(allDashboards())) {
    writeFileSync(join(DASHBOARDS_DIR, file), `${JSON.stringify(json, null, 2)}\n`);
  }
}
