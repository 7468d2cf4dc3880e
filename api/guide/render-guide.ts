import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Marked, type Token, type Tokens } from 'marked';
import type { Catalog } from '../../shared/domain/catalog';
import { guideFacts } from './guide-facts';

/** Beside this file in the sources; `dist/` has the code only. */
const CHAPTERS = [path.join(__dirname, 'chapters'), path.join(__dirname, '../../../api/guide/chapters')];
/** First columns whose rows can be linked to: `/guide#RATE_LIMITED`. */
const ANCHORED = new Set(['code', 'type']);
const LANGUAGES: Record<string, string> = { sh: 'curl', ts: 'TypeScript', python: 'Python' };

export interface Heading {
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
  for (const folder of CHAPTERS) {
    try {
      const files = readdirSync(folder).filter((name) => name.endsWith('.md'));
      return files
        .toSorted()
        .map((name) => readFileSync(path.join(folder, name), 'utf8'))
        .join('\n');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`the guide's chapters are in neither of ${CHAPTERS.join(', ')}`);
}

function fill(markdown: string, facts: Record<string, string>): string {
  return markdown.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const fact = facts[name];
    if (fact === undefined) throw new Error(`the guide names {{${name}}}, which nothing fills`);
    return fact;
  });
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (mark) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[mark]!);

const idOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/** A code block; `lang` is its language and, for what the operator runs, the word `operator`. */
function codeBlock({ text, lang = '' }: Tokens.Code): string {
  const [language = '', role = ''] = lang.split(' ');
  const facts = language ? ` data-language="${escaped(language)}" data-role="${escaped(role)}"` : '';
  // Wide code scrolls by itself, and whoever uses a keyboard must be able to do that.
  const pre = `<pre tabindex="0"${facts}><code>${escaped(text)}\n</code></pre>`;
  const name = LANGUAGES[language];
  if (!name || role) return pre;
  return `<details${language === 'sh' ? ' open' : ''}><summary>${name}</summary>${pre}</details>`;
}

/** Renders the chapters for a catalog. Throws when a chapter names what nobody fills. */
export function renderGuide(catalog: Catalog): Guide {
  const headings: Heading[] = [];
  const marked = new Marked({
    gfm: true,
    renderer: {
      code: codeBlock,
      // The chapters are ours and hold no HTML; text that looks like it is text.
      html: ({ text }: Tokens.HTML | Tokens.Tag) => escaped(text),
      heading({ tokens, depth, text }: Tokens.Heading): string {
        const id = idOf(text);
        headings.push({ id, text, level: depth });
        return `<h${depth} id="${id}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      table({ header, rows }: Tokens.Table): string {
        const cell = (tag: string, { tokens }: { tokens: Token[] }): string =>
          `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`;
        const head = header.map((one) => cell('th scope="col"', one).replace('</th scope="col">', '</th>')).join('');
        const body = rows.map((row) => {
          const anchor = ANCHORED.has(header[0]!.text) ? row[0]!.text.replaceAll('`', '') : null;
          const cells = row.map((one) => cell('td', one)).join('');
          return `<tr${anchor ? ` id="${anchor}"` : ''}>${cells}</tr>`;
        });
        return `<div class="table" tabindex="0" role="group" aria-label="Table: ${escaped(headings.at(-1)?.text ?? '')}"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>\n`;
      },
    },
  });
  const html = marked.parse(fill(readChapters(), guideFacts(catalog)), { async: false });
  return { html, headings };
}
