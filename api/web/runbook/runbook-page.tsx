import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { VNode } from 'preact';
import { Layout } from '../design/layout';
import { Heading as PageHeading } from '../design/text';
import { type Heading, renderMarkdown, type Rendered } from '../guide/render-markdown';
import { page } from '../http/page';

const FOLDER = 'deploy/docs';
const FILE = path.join(__dirname, '../../..', FOLDER, 'runbook.md');
const TITLE = /^# .*\n/;
/** A link to another file of the repository, which MIR does not serve. */
const FILE_LINK = /\[[^\]]+\]\((?!#|https?:)([^)]+)\)/g;
/** The heading between the emergencies and the alerts. */
const ALERTS = 'about-the-alerts';
const EMERGENCY_LEVEL = 3;
const ALERT_LEVEL = 2;

let rendered: Rendered | undefined;

/** Returns the rendered runbook. Reads the file once. */
export function runbook(): Rendered {
  if (rendered) return rendered;
  const text = readFileSync(FILE, 'utf8')
    .replace(TITLE, '')
    .replaceAll(FILE_LINK, (_, target: string) => `\`${path.posix.join(FOLDER, target)}\``);
  return (rendered = renderMarkdown(text));
}

function Links({ headings }: { headings: readonly Heading[] }): VNode {
  return (
    <ol>
      {headings.map(({ id, text }) => (
        <li key={id}>
          <a href={`#${id}`}>{text}</a>
        </li>
      ))}
    </ol>
  );
}

function RunbookPage({ html, headings }: Rendered): VNode {
  const split = headings.findIndex(({ id }) => id === ALERTS);
  const emergencies = headings.slice(0, split).filter(({ level }) => level === EMERGENCY_LEVEL);
  const alerts = headings.slice(split + 1).filter(({ level }) => level === ALERT_LEVEL);
  return (
    <Layout title="Runbook" wide nav={[{ href: '/runbook', text: 'Runbook', current: true }]}>
      <PageHeading>Runbook</PageHeading>
      <div class="guide">
        <nav class="contents" aria-label="Contents">
          <Links headings={emergencies} />
          <details>
            <summary>All alerts</summary>
            <Links headings={alerts} />
          </details>
        </nav>
        {/* Safe: the renderer escapes all HTML in the runbook. */}
        <article dangerouslySetInnerHTML={{ __html: html }} />
      </div>
    </Layout>
  );
}

/**
 * Serves the operators' runbook at `/runbook`, to which alerts link. It needs no account and neither database, because
 * it is read while they are down. It contains no secrets.
 */
export const runbookPage = page({
  method: 'GET',
  path: '/runbook',
  always: true,
  withoutSession: true,
  handle: () => ({ html: <RunbookPage {...runbook()} /> }),
});
