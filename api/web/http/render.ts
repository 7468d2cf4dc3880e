import { h, type VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { type PageFacts, PageFactsContext } from '../design/page-facts';

/** Renders a part of a page. Components read `facts` with `usePageFacts`. */
export function renderPart(html: VNode, facts: PageFacts): string {
  return renderToString(h(PageFactsContext.Provider, { value: facts, children: html }));
}

/** Renders a page as an HTML document. */
export function render(html: VNode, facts: PageFacts): string {
  return `<!doctype html>${renderPart(html, facts)}`;
}
