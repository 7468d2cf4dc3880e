import { type HTMLElement, parse } from 'node-html-parser';

/** A page as loaded by a browser without JavaScript. */
export interface VisitedPage {
  status: number;
  headers: Headers;
  /** The path and query after any redirects. */
  path: string;
  html: string;
  root: HTMLElement;
  /** The text of `<main>`, with whitespace collapsed. */
  text: string;
}

interface FormOptions {
  /** The form's `action` attribute. If absent, `submit` uses the first form in `<main>`. */
  action?: string;
  /** Overrides the headers that a browser sends when it submits a same-origin form. */
  headers?: Record<string, string>;
}

/** A browser without JavaScript. It stores cookies and follows redirects within the origin. */
export interface BrowserSession {
  cookies: Map<string, string>;
  /** Loads a page. The `headers` are sent only with the first request, not after a redirect. */
  get(path: string, headers?: Record<string, string>): Promise<VisitedPage>;
  /** Fills in the named fields of a form and submits it with its hidden fields. */
  submit(page: VisitedPage, fields: Record<string, string>, options?: FormOptions): Promise<VisitedPage>;
  /** Posts exactly these fields, without following redirects. */
  post(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<VisitedPage>;
}

const MAX_REDIRECTS = 5;
const CHECKABLE: ReadonlySet<string> = new Set(['checkbox', 'radio']);

function isUnchecked(input: HTMLElement): boolean {
  return CHECKABLE.has(input.getAttribute('type') ?? '') && !input.hasAttribute('checked');
}

/** Creates a browser session. Set `publicUrl` if the browser reaches `url` through a proxy that has a different URL. */
export function newBrowserSession(
  url: string,
  { ip, publicUrl = url }: { ip?: string; publicUrl?: string } = {},
): BrowserSession {
  const cookies = new Map<string, string>();
  const { origin } = new URL(publicUrl);

  const storeCookies = (headers: Headers): void => {
    for (const line of headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';');
      const at = pair!.indexOf('=');
      const expired = attributes.some((attribute) => /^\s*max-age=0$/i.test(attribute));
      if (expired) cookies.delete(pair!.slice(0, at));
      else cookies.set(pair!.slice(0, at), pair!.slice(at + 1));
    }
  };

  async function send(
    path: string,
    own: Record<string, string> = {},
    sent: { method?: 'POST'; body?: string } = {},
  ): Promise<VisitedPage> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(url).origin + path, {
      ...sent,
      redirect: 'manual',
      headers: {
        accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
        ...(cookie && { cookie }),
        ...(ip && { 'x-forwarded-for': ip }),
        ...own,
      },
    });
    storeCookies(response.headers);
    const html = await response.text();
    const root = parse(html);
    const text = (root.querySelector('main')?.structuredText ?? '').replace(/\s+/g, ' ').trim();
    return { status: response.status, headers: response.headers, path, html, root, text };
  }

  /** Follows redirects. `postAgain` submits the same form to the path that a 307 names. */
  async function follow(first: VisitedPage, postAgain?: (path: string) => Promise<VisitedPage>): Promise<VisitedPage> {
    let page = first;
    for (let hops = 0; page.status === 303 || page.status === 307; hops += 1) {
      const target = new URL(page.headers.get('location')!, origin);
      if (target.origin !== origin || hops === MAX_REDIRECTS) return page;
      const path = target.pathname + target.search;
      page = await (page.status === 307 && postAgain ? postAgain(path) : send(path));
    }
    return page;
  }

  const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    send(
      path,
      { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      { method: 'POST', body: new URLSearchParams(fields).toString() },
    );

  return {
    cookies,
    get: async (path, headers) => follow(await send(path, headers)),
    post,
    submit: async (page, fields, { action, headers } = {}) => {
      const form = action ? page.root.querySelector(`form[action="${action}"]`) : page.root.querySelector('main form');
      if (!form) throw new Error(`${page.path} has no form${action ? ` for ${action}` : ''}: ${page.text}`);
      const names = new Set(
        form.querySelectorAll('input, select, textarea, button').map((input) => input.getAttribute('name')),
      );
      const unknown = Object.keys(fields).filter((name) => !names.has(name));
      if (unknown.length > 0) throw new Error(`the form on ${page.path} has no field ${unknown.join(', ')}`);
      const filled = form
        .querySelectorAll('input')
        .filter((input) => !isUnchecked(input))
        .map((input) => {
          const whenChecked = CHECKABLE.has(input.getAttribute('type') ?? '') ? 'on' : '';
          return [input.getAttribute('name')!, input.getAttribute('value') ?? whenChecked] as const;
        });
      const hidesOrigin = page.headers.get('referrer-policy') === 'no-referrer';
      const sent = { ...Object.fromEntries(filled), ...fields };
      const sentHeaders = headers ?? {
        origin: hidesOrigin ? 'null' : origin,
        'sec-fetch-site': 'same-origin',
        'sec-fetch-mode': 'navigate',
      };
      const postTo = (path: string): Promise<VisitedPage> => post(path, sent, sentHeaders);
      return follow(await postTo(form.getAttribute('action')!), postTo);
    },
  };
}
