import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import MarkdownIt from 'markdown-it';
import type { Catalog } from '../../../shared/domain/catalog';
import { guideFacts } from './guide-facts';

const CHAPTERS = path.join(__dirname, 'chapters');
/** First-column headings of the tables whose rows get anchors, such as `/guide#RATE_LIMITED`. */
const ANCHORED = new Set(['code', 'type']);
const LANGUAGES: Record<string, string> = { sh: 'curl', ts: 'TypeScript', js: 'JavaScript', python: 'Python' };

interface Heading {
  id: string;
  text: string;
  level: number;
}

export interface Guide {
  html: string;
  /** All headings in order, for the table of contents. */
  headings: Heading[];
}

function readChapters(): string {
  return readdirSync(CHAPTERS)
    .toSorted()
    .map((name) => readFileSync(path.join(CHAPTERS, name), 'utf8'))
    .join('\n');
}

function fill(markdown: string, facts: Record<string, string>): string {
  return markdown.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const fact = facts[name];
    if (fact === undefined) throw new Error(`unknown placeholder {{${name}}} in a chapter of the guide`);
    return fact;
  });
}

const idOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/**
 * Returns a renderer that adds anchors to headings and table rows, makes wide blocks scrollable by keyboard, and
 * appends each heading to `headings`.
 */
function createRenderer(headings: Heading[]): InstanceType<typeof MarkdownIt> {
  const markdown = new MarkdownIt({ html: false, linkify: false });
  const { escapeHtml } = markdown.utils;
  const { rules } = markdown.renderer;

  // A language followed by `operator` marks commands that only operators can run.
  rules.fence = (tokens, index) => {
    const { content, info } = tokens[index]!;
    const [language = '', role = ''] = info.trim().split(' ');
    const attribute = language ? ` data-language="${escapeHtml(language)}"` : '';
    const pre = `<pre tabindex="0"${attribute}><code>${escapeHtml(content)}</code></pre>\n`;
    const name = LANGUAGES[language];
    if (!name || role) return pre;
    return `<details${language === 'sh' ? ' open' : ''}><summary>${name}</summary>${pre}</details>\n`;
  };
  rules.heading_open = (tokens, index) => {
    const text = tokens[index + 1]!.content;
    const heading = { id: idOf(text), text, level: Number(tokens[index]!.tag.slice(1)) };
    headings.push(heading);
    return `<${tokens[index]!.tag} id="${heading.id}">`;
  };
  let anchored = false;
  rules.table_open = (tokens, index) => {
    const first = tokens.slice(index).find(({ type }) => type === 'inline');
    anchored = ANCHORED.has(first!.content);
    const label = escapeHtml(headings.at(-1)?.text ?? '');
    return `<div class="table" tabindex="0" role="group" aria-label="Table: ${label}"><table role="table">`;
  };
  rules.table_close = () => '</table></div>\n';
  // Narrow screens show rows as blocks. The roles preserve the table structure for screen readers.
  rules.thead_open = () => '<thead role="rowgroup">';
  rules.tbody_open = () => '<tbody role="rowgroup">';
  rules.th_open = () => '<th scope="col" role="columnheader">';
  rules.td_open = () => '<td role="cell">';
  rules.tr_open = (tokens, index) => {
    const [cell, inline] = tokens.slice(index + 1, index + 3);
    const id = anchored && cell?.type === 'td_open' ? inline!.content.replaceAll('`', '') : null;
    return id === null ? '<tr role="row">' : `<tr role="row" id="${escapeHtml(id)}">`;
  };
  return markdown;
}

/** Renders the guide for a catalog and a public URL. Throws if a chapter contains an unknown placeholder. */
export function renderGuide(catalog: Catalog, publicUrl: string): Guide {
  const headings: Heading[] = [];
  const html = createRenderer(headings).render(fill(readChapters(), guideFacts(catalog, publicUrl)));
  return { html, headings };
}
