import type { ComponentChildren, VNode } from 'preact';
import { icon, stylesheet } from './assets';
import { Form } from './form';
import { usePageFacts } from './page-facts';

interface LayoutProps {
  /** The page's name, as the browser's tab shows it before "· MIR". */
  title: string;
  /** 72 rem for consoles and tables; people's pages have 36. */
  wide?: boolean;
  /** Links of a console, in the header. */
  nav?: { href: string; text: string; current?: boolean }[];
  children: ComponentChildren;
}

/** "Signed in as …" with its log-out button, or nothing. */
function Who(): VNode | null {
  const { signedInAs } = usePageFacts();
  if (signedInAs === null) return null;
  return (
    <div class="who">
      <span class="me">
        <span class="lead">Signed in as</span> <a href="/account">{signedInAs}</a>
      </span>
      <Form action="/logout" class="plain-form">
        <button class="link-button">Log out</button>
      </Form>
    </div>
  );
}

/** A whole page: head, header, main, foot. Every page is one. */
export function Layout({ title, wide = false, nav = [], children }: LayoutProps): VNode {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <title>{`${title} · MIR`}</title>
        <link rel="stylesheet" href={stylesheet.path} />
        <link rel="icon" type="image/svg+xml" href={icon.path} />
      </head>
      <body>
        <a class="skip" href="#content">
          Skip to the content
        </a>
        <header class="top">
          <a class="brand" href="/">
            MIR
          </a>
          {nav.length > 0 && (
            <nav aria-label="Main">
              {nav.map(({ href, text, current }) => (
                <a key={href} href={href} {...(current ? { 'aria-current': 'page' as const } : {})}>
                  {text}
                </a>
              ))}
            </nav>
          )}
          <Who />
        </header>
        <main id="content" tabIndex={-1} class={wide ? 'wide' : ''}>
          {children}
        </main>
        <footer class="foot">
          <p>
            MIR is a register of participation. It stores the events that platforms report. Other platforms see totals
            only, once the person connects them.
          </p>
        </footer>
      </body>
    </html>
  );
}
