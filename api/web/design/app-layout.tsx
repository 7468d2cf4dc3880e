import type { ComponentChildren, VNode } from 'preact';
import { ErrorSummary, type FormError, titleWith } from './form';
import { Notice } from './text';
import { Document, Footer, LoggedInAs, LogoImage } from './layout';

/** A link in the navigation of the portal or console. */
interface NavItem {
  href: string;
  text: string;
  /** Number of things that need attention. Not shown if it is 0. */
  count?: number;
}

export interface NavGroup {
  /** Heading of the group. The first group has none. */
  heading?: string;
  items: readonly NavItem[];
}

export interface AppLayoutProps {
  /** Name of the page. The browser tab shows it before the name of the place. */
  title: string;
  /** Errors of the page's form. Listed below the title, and announced by the title in the browser tab. */
  errors?: readonly FormError[];
  /** Name of the organization or server that the pages are about, at the top of the navigation. */
  place: { name: string; href: string };
  nav: readonly NavGroup[];
  /** Path of the current page. The link with this `href` is marked. */
  current: string;
  /** A sentence below the title. */
  lead?: ComponentChildren;
  /** Shown beside the title, such as the switch between environments. */
  aside?: ComponentChildren;
  /** Shows a band that says that nothing here reaches live data. */
  testMode?: boolean;
  /** Says what was just done. See `doneText`. */
  done?: string | undefined;
  /** Reloads the page after this time if scripts are off. */
  reloadSeconds?: number;
  children: ComponentChildren;
}

/** What a page of the portal or console has in its layout. */
export type PageProps = Pick<AppLayoutProps, 'title' | 'lead' | 'errors' | 'done' | 'reloadSeconds' | 'children'>;

/** A page of the portal or console: navigation at the left, and a title with the page's content. */
export function AppLayout({
  title,
  place,
  nav,
  current,
  lead,
  aside,
  testMode = false,
  errors = [],
  done,
  reloadSeconds,
  children,
}: AppLayoutProps): VNode {
  return (
    <Document title={`${titleWith(errors, title)} · ${place.name}`} scripts={{ reloadSeconds }}>
      <div class="app">
        <header class="side">
          <a class="brand" href={place.href} aria-label={place.name}>
            <LogoImage />
            <span>
              <bdi>{place.name}</bdi>
            </span>
          </a>
          <nav aria-label="Main">
            {nav.map(({ heading, items }) => (
              <>
                {heading && <p class="group">{heading}</p>}
                {items.map(({ href, text, count = 0 }) => (
                  <a key={href} href={href} {...(href === current ? { 'aria-current': 'page' as const } : {})}>
                    {text}
                    {count > 0 && <span class="count">{count}</span>}
                  </a>
                ))}
              </>
            ))}
          </nav>
          <LoggedInAs />
        </header>
        <div>
          <main id="content" tabIndex={-1}>
            {testMode && <p class="test-mode">Test mode: nothing here reaches live data.</p>}
            <div class="page-head">
              <div>
                <h1>{title}</h1>
                {lead && <p>{lead}</p>}
              </div>
              {aside}
            </div>
            {done && errors.length === 0 && (
              <Notice>
                <p>{done}</p>
              </Notice>
            )}
            <ErrorSummary errors={errors} />
            {children}
          </main>
          <Footer />
        </div>
      </div>
    </Document>
  );
}
