import type { ComponentChildren, VNode } from 'preact';
import { contactHref } from '../../../shared/config/operator';
import { icon, stylesheet } from './assets';
import { Form } from './form';
import { script, SCRIPT_CONFIG } from './scripts';
import { usePageFacts } from './page-facts';

interface LayoutProps {
  /** Name of the page. The browser tab shows it before "· MIR". */
  title: string;
  /** Widens the page from 36 to 72 rem, for the guide and for tables. */
  wide?: boolean;
  /** Widens the page for a main column with a summary beside it. */
  beside?: boolean;
  /** Links in the header. */
  nav?: { href: string; text: string; current?: boolean }[];
  children: ComponentChildren;
}

/** Shows who is logged in, with a button to log out. Renders nothing before login. */
export function LoggedInAs(): VNode | null {
  const { signedInAs, home, logOut } = usePageFacts();
  if (signedInAs === null) return null;
  return (
    <div class="who">
      <span class="me">
        <span class="lead">Logged in as</span> <a href={home}>{signedInAs}</a>
      </span>
      <Form action={logOut} class="plain-form">
        <button class="link-button">Log out</button>
      </Form>
    </div>
  );
}

/** The operator's logo, or MIR's if there is none. */
export function LogoImage(): VNode {
  const { logo } = usePageFacts();
  return <img src={logo ?? icon.path} alt="" height="22" {...(logo === null ? { width: '22' } : {})} />;
}

/** Says who operates this server, with links. Shows only what the operator has configured. */
function OperatedBy(): VNode | null {
  const { name, contact, privacyUrl, termsUrl } = usePageFacts().operator;
  const links = [
    { text: 'Contact', href: contact === null ? null : contactHref(contact) },
    { text: 'Privacy', href: privacyUrl },
    { text: 'Terms', href: termsUrl },
  ].filter(({ href }) => href !== null);
  if (name === null && links.length === 0) return null;
  return (
    <div class="operator">
      {name !== null && (
        <p>
          Operated by <bdi>{name}</bdi>
        </p>
      )}
      {links.length > 0 && (
        <nav aria-label="Operator">
          {links.map(({ text, href }) => (
            <a key={text} href={href!}>
              {text}
            </a>
          ))}
        </nav>
      )}
    </div>
  );
}

/** The HTML document of every page: its head, and a link to its content. Only pages for staff may have scripts. */
export function Document({
  title,
  scripts,
  children,
}: {
  title: string;
  /** Loads the script, and reloads the page after this time if scripts are off. */
  scripts?: { reloadSeconds: number | undefined };
  children: ComponentChildren;
}): VNode {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <title>{`${title} · MIR`}</title>
        <link rel="stylesheet" href={stylesheet.path} />
        <link rel="icon" type="image/svg+xml" href={icon.path} />
        {scripts && (
          <>
            <meta name="htmx-config" content={SCRIPT_CONFIG} />
            <script src={script.path} defer />
            {scripts.reloadSeconds !== undefined && (
              <noscript>
                <meta http-equiv="refresh" content={String(scripts.reloadSeconds)} />
              </noscript>
            )}
          </>
        )}
      </head>
      <body>
        <a class="skip" href="#content">
          Skip to content
        </a>
        {children}
      </body>
    </html>
  );
}

/** The footer of every page. */
export function Footer(): VNode {
  return (
    <footer class="foot">
      <p>
        MIR is a registry of people’s participation history. It stores the events that platforms report. Other platforms
        see only totals, and only after you connect them.
      </p>
      <OperatedBy />
    </footer>
  );
}

/** A page for people, and of the guide: header, one column of content, and footer. */
export function Layout({ title, wide = false, beside = false, nav = [], children }: LayoutProps): VNode {
  const {
    logo,
    operator: { name },
  } = usePageFacts();
  return (
    <Document title={title}>
      <header class="top">
        <a class="brand" href="/">
          <LogoImage />
          {logo !== null && name !== null ? <bdi>{name}</bdi> : 'MIR'}
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
        <LoggedInAs />
      </header>
      <main id="content" tabIndex={-1} class={wide ? 'wide' : beside ? 'people beside' : 'people'}>
        {children}
      </main>
      <Footer />
    </Document>
  );
}
