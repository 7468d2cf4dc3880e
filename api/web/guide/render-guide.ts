import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import MarkdownIt from 'markdown-it';
import type { Catalog } from '../../../shared/domain/catalog';
import { guideFacts } from './guide-facts';

const CHAPTERS = path.join(__dirname, 'chapters');
/** First columns whose rows can be linked to: `/guide#RATE_LIMITED`. */
const ANCHORED = new Set(['code', 'type']);
const LANGUAGES: Record<string, string> = { sh: 'curl', ts: 'TypeScript', python: 'Python' };

interface Heading {
  id: string;
  text: string;
  level: number;
}

/** The guide as HTML, and its headings for a table of contents. */
export interface Guide {
  html: string;
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
    if (fact === undefined) throw new Error(`the guide names {{${name}}}, which nothing fills`);
    return fact;
  });
}

const idOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/** A renderer whose headings and rows can be linked to and whose wide parts scroll by keyboard, too. */
function createRenderer(headings: Heading[]): InstanceType<typeof MarkdownIt> {
  const markdown = new MarkdownIt({ html: false, linkify: false });
  const { escapeHtml } = markdown.utils;
  const { rules } = markdown.renderer;

  /** A code block; its language may be followed by the word `operator`: not for partners to run. */
  rules.fence = (tokens, index) => {
    const { content, info } = tokens[index]!;
    const [language = '', role = ''] = info.trim().split(' ');
    const facts = language ? ` data-language="${escapeHtml(language)}"` : '';
    const pre = `<pre tabindex="0"${facts}><code>${escapeHtml(content)}</code></pre>\n`;
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
  // Rows become blocks where the screen is narrow; the roles keep them a table for whoever hears it.
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

/** Renders the chapters for a catalog and the address at which they are read. Throws when a chapter names what nobody fills. */
export function renderGuide(catalog: Catalog, publicUrl: string): Guide {
  const headings: Heading[] = [];
  const html = createRenderer(headings).render(fill(readChapters(), guideFacts(catalog, publicUrl)));
  return { html, headings };
}
