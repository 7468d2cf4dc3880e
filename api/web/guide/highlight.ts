import type { LanguageFn } from 'highlight.js';
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import json from 'highlight.js/lib/languages/json';
import nginx from 'highlight.js/lib/languages/nginx';
import python from 'highlight.js/lib/languages/python';
import typescript from 'highlight.js/lib/languages/typescript';

/** Grammars by the language after the opening fence of a code block. */
const GRAMMARS: Record<string, LanguageFn> = { sh: bash, ts: typescript, js: typescript, python, json, nginx };

const highlighter = hljs.newInstance();
for (const [language, grammar] of Object.entries(GRAMMARS)) highlighter.registerLanguage(language, grammar);
// The stylesheet colors these classes. The policy of our pages does not allow inline styles.
highlighter.configure({ classPrefix: 'code-' });

/**
 * Returns the code as HTML, with a class on each comment, keyword, string and so on. Returns null if the language has no
 * grammar. The text of the HTML is the code, unchanged.
 */
export function highlight(code: string, language: string): string | null {
  return Object.hasOwn(GRAMMARS, language) ? highlighter.highlight(code, { language }).value : null;
}
