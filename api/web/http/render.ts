import { h, type VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { type PageFacts, PageFactsContext } from '../design/page-facts';

/** Renders a page as an HTML document. Components read `facts` with `usePageFacts`. */
export function render(html: VNode, facts: PageFacts): string {
  return `<!doctype html>${renderToString(h(PageFactsContext.Provider, { value: facts, children: html }))}`;
}
