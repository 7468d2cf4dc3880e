import type { VNode } from 'preact';
import type { Catalog } from '../../../shared/domain/catalog';
import type { ApiContext } from '../../context';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { PROBLEMS } from '../../http/problems';
import { PublicError } from '../../http/public-error';
import { page } from '../http/page';
import { renderGuide } from './render-guide';
import type { Rendered } from './render-markdown';

const CHAPTER_LEVEL = 2;
const FOUND = 302;

/** Caches rendered guides by catalog. A process uses a single catalog for its lifetime. */
const rendered = new WeakMap<Catalog, Rendered>();

/** Returns the rendered guide. Renders it once. */
export function guideOf({ catalog, config }: Pick<ApiContext, 'catalog' | 'config'>): Rendered {
  let guide = rendered.get(catalog);
  if (!guide) rendered.set(catalog, (guide = renderGuide(catalog, config.publicUrl)));
  return guide;
}

function Contents({ headings }: Pick<Rendered, 'headings'>): VNode {
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

function GuidePage({ guide: { html, headings } }: { guide: Rendered }): VNode {
  const nav = [
    { href: '/guide', text: 'Partner Guide', current: true },
    { href: '/docs', text: 'API reference' },
  ];
  return (
    <Layout title="Partner Guide" wide nav={nav}>
      <Heading>Partner Guide</Heading>
      <div class="guide">
        <Contents headings={headings} />
        {/* Safe: the renderer escapes all HTML in the chapters. */}
        <article dangerouslySetInnerHTML={{ __html: html }} />
      </div>
    </Layout>
  );
}

/** Serves the Partner Guide at `/guide`. A test runs its examples unchanged. */
export const guidePage = page({
  method: 'GET',
  path: '/guide',
  always: true,
  handle: ({ ctx }) => ({ html: <GuidePage guide={guideOf(ctx)} /> }),
});

/** Redirects `/errors/:code`, the `type` URL of a problem, to the code's entry in the guide. */
export const errorTypePage = page({
  method: 'GET',
  path: '/errors/:code',
  always: true,
  handle: ({ params: { code = '' } }) => {
    if (!Object.hasOwn(PROBLEMS, code)) throw new PublicError('NOT_FOUND', 'This error code does not exist.');
    return { status: FOUND, redirect: `/guide#${code}` };
  },
});
