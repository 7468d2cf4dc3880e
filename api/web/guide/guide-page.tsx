import type { VNode } from 'preact';
import type { Catalog } from '../../../shared/domain/catalog';
import type { ApiContext } from '../../context';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { PROBLEMS } from '../../http/problems';
import { PublicError } from '../../http/public-error';
import { page } from '../http/page';
import { type Guide, renderGuide } from './render-guide';

const CHAPTER_LEVEL = 2;
const FOUND = 302;

/** Rendered once for a catalog: it does not change while the process lives. */
const rendered = new WeakMap<Catalog, Guide>();

function guideOf({ catalog, config }: Pick<ApiContext, 'catalog' | 'config'>): Guide {
  let guide = rendered.get(catalog);
  if (!guide) rendered.set(catalog, (guide = renderGuide(catalog, config.publicUrl)));
  return guide;
}

function Contents({ headings }: Pick<Guide, 'headings'>): VNode {
  return (
    <nav class="contents" aria-label="Contents">
      <ol>
        {headings
          .filter(({ level }) => level === CHAPTER_LEVEL)
          .map(({ id, text }) => (
            <li key={id}>
              <a href={`#${id}`}>{text}</a>
            </li>
          ))}
      </ol>
    </nav>
  );
}

function GuidePage({ guide: { html, headings } }: { guide: Guide }): VNode {
  const nav = [
    { href: '/guide', text: 'Partner Guide', current: true },
    { href: '/docs', text: 'API reference' },
  ];
  return (
    <Layout title="Partner Guide" wide nav={nav}>
      <Heading>Partner Guide</Heading>
      <div class="guide">
        <Contents headings={headings} />
        {/* Rendered from our own chapters, with all HTML in them escaped. */}
        <article dangerouslySetInnerHTML={{ __html: html }} />
      </div>
    </Layout>
  );
}

/** `/guide`: how to work with the API, with examples that a test runs as they stand. */
export const guidePage = page({
  method: 'GET',
  path: '/guide',
  always: true,
  handle: ({ ctx }) => ({ html: <GuidePage guide={guideOf(ctx)} /> }),
});

/** `/errors/:code`, the `type` of every problem: leads to the paragraph of its code. */
export const errorTypePage = page({
  method: 'GET',
  path: '/errors/:code',
  always: true,
  handle: ({ params: { code = '' } }) => {
    if (!Object.hasOwn(PROBLEMS, code)) throw new PublicError('NOT_FOUND', 'There is no such error code.');
    return { status: FOUND, redirect: `/guide#${code}` };
  },
});
