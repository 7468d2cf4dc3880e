import { h, type VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { type PageFacts, PageFactsContext } from '../design/page-facts';

/** The document of a page, with what the page may ask of its request. */
export function render(html: VNode, facts: PageFacts): string {
  return `<!doctype html>${renderToString(h(PageFactsContext.Provider, { value: facts, children: html }))}`;
}
