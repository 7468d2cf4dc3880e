import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Catalog } from '../../../shared/domain/catalog';
import { guideFacts } from './guide-facts';
import { type Rendered, renderMarkdown } from './render-markdown';

const CHAPTERS = path.join(__dirname, 'chapters');
/** Languages whose examples the reader can choose from, with their names. */
const LANGUAGES: Record<string, string> = { sh: 'curl', ts: 'TypeScript', js: 'JavaScript', python: 'Python' };

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

/** Renders the guide for a catalog and a public URL. Throws if a chapter contains an unknown placeholder. */
export function renderGuide(catalog: Catalog, publicUrl: string): Rendered {
  return renderMarkdown(fill(readChapters(), guideFacts(catalog, publicUrl)), { languages: LANGUAGES });
}
