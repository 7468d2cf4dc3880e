import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../shared/project';
import { type BenchReport, reportMarkdown } from '../report';

const FILE = 'deploy/docs/performance.md';
const RESULTS = /(?<=<!-- results -->\n)[^]*?(?=<!-- \/results -->)/;
/** Matches the results of one benchmark, up to the next heading. */
const sectionOf = (bench: string): RegExp => new RegExp(`^### ${bench}\\n[^]*?(?=\\n+### |$(?![^]))`, 'm');

/** Replaces or appends the results of one benchmark. */
function withReport(results: string, report: BenchReport): string {
  const section = sectionOf(report.bench);
  const markdown = reportMarkdown(report);
  return section.test(results) ? results.replace(section, () => markdown) : `${results}\n\n${markdown}`.trim();
}

// `npm run docs:performance -- <file>…` writes the `--json` output of benchmarks into performance.md.
const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('Usage: npm run docs:performance -- <output of a benchmark with --json>…');
  process.exit(2);
}
const document = join(projectRoot(), FILE);
const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as BenchReport);
const text = readFileSync(document, 'utf8');
if (!RESULTS.test(text)) throw new Error(`${FILE} has no results section; restore the <!-- results --> comments`);
writeFileSync(
  document,
  text.replace(RESULTS, (results) => `${reports.reduce(withReport, results.trim())}\n`),
);
