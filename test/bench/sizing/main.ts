import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../shared/project';
import type { BenchReport } from '../report';
import { costsTable, needsTable } from './tables';

const FILE = 'deploy/docs/sizing.md';

// `npm run docs:sizing -- <file>` writes the `--json` output of bench:layout into sizing.md.
const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('Usage: npm run docs:sizing -- <output of bench:layout with --json>');
  process.exit(2);
}
const report = JSON.parse(readFileSync(file, 'utf8')) as BenchReport;
const { machine, stores, node, commit, finishedAt } = report;
const source = `Measured on ${finishedAt.slice(0, 10)}: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, Node ${node}; ${stores.mongo}; ${stores.redis}; commit ${commit}.`;
const sections: Record<string, string> = {
  source,
  'events-costs': costsTable(report, 'events'),
  'events-needs': needsTable(report, 'events'),
  'resolve-costs': costsTable(report, 'resolve'),
  'resolve-needs': needsTable(report, 'resolve'),
};
const document = join(projectRoot(), FILE);
const text = Object.entries(sections).reduce(
  (before, [name, content]) => {
    const marked = new RegExp(`(?<=<!-- ${name} -->\\n)[^]*?(?=<!-- /${name} -->)`);
    if (!marked.test(before)) throw new Error(`${FILE} has no <!-- ${name} --> section; restore the comments`);
    return before.replace(marked, () => `${content}\n`);
  },
  readFileSync(document, 'utf8'),
);
writeFileSync(document, text);
