import MarkdownIt from 'markdown-it';
import { highlight } from './highlight';

/** First-column headings of the tables whose rows get anchors, such as `/guide#RATE_LIMITED`. */
const ANCHORED = new Set(['code', 'type']);

/** Inline code of up to this many characters is never split at its hyphens. It fits on the narrowest screens. */
const MAX_WHOLE_LENGTH = 24;

export interface Heading {
  id: string;
  text: string;
  level: number;
}

export interface Rendered {
  html: string;
  /** All headings in order, for the table of contents. */
  headings: Heading[];
}

interface RenderOptions {
  /** Names of the languages whose code blocks the reader can open and close, such as `{ sh: 'curl' }`. */
  languages?: Record<string, string>;
}

const idOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/**
 * Returns a renderer that adds anchors to headings and table rows, highlights code, makes wide blocks scrollable
 * by keyboard, and appends each heading to `headings`.
 */
function createRenderer(headings: Heading[], { languages }: RenderOptions): InstanceType<typeof MarkdownIt> {
  const markdown = new MarkdownIt({ html: false, linkify: false });
  const { escapeHtml } = markdown.utils;
  const { rules } = markdown.renderer;

  // A language followed by `operator` marks commands that only operators can run.
  rules.fence = (tokens, index) => {
    const { content, info } = tokens[index]!;
    const [language = '', role = ''] = info.trim().split(' ');
    const attribute = language ? ` data-language="${escapeHtml(language)}"` : '';
    const code = highlight(content, language) ?? escapeHtml(content);
    const pre = `<pre tabindex="0"${attribute}><code>${code}</code></pre>\n`;
    const name = languages?.[language];
    if (!name || role) return pre;
    return `<details${language === 'sh' ? ' open' : ''}><summary>${name}</summary>${pre}</details>\n`;
  };
  rules.code_inline = (tokens, index) => {
    const { content } = tokens[index]!;
    const attribute = content.length <= MAX_WHOLE_LENGTH ? ' class="whole"' : '';
    return `<code${attribute}>${escapeHtml(content)}</code>`;
  };
  rules.heading_open = (tokens, index) => {
    const text = tokens[index + 1]!.content.replaceAll('`', '');
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

/** Renders one of our documents. Escapes any HTML in it. */
export function renderMarkdown(text: string, options: RenderOptions = {}): Rendered {
  const headings: Heading[] = [];
  const html = createRenderer(headings, options).render(text);
  return { html, headings };
}
