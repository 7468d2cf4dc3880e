import type { VNode } from 'preact';
import type { Log } from '../../../shared/log';
import type { ApiContext } from '../../context';
import type { Session } from '../../accounts/auth';

/** Text fields by name: the first value of each. Never inherited ones. */
export type Fields = Readonly<Record<string, string | undefined>>;

/** What a page's handler is given. */
export interface PageCall {
  ctx: ApiContext;
  requestId: string;
  log: Log;
  /** Host and port that the browser asked for. */
  host: string;
  /** The browser says that another site sent it here. */
  crossSite: boolean;
  /** The remote address of the socket itself, whatever the headers say: the proxy's where one is in front. */
  peer: string | undefined;
  /** The caller's address; throttle by `throttledAddress(ip)`. */
  ip: string;
  /** Who is signed in (e-mail verified), or null. */
  session: Session | null;
  /** The browser, before and after log-in: a random name in an HttpOnly cookie. */
  visitor: string;
  /** The posted fields; empty for GET. Their hidden token was checked. */
  form: Fields;
  query: Fields;
  params: Fields;
  /** The request's Cookie header, for the `auth` of the context only. */
  cookie: string;
}

/** What a page answers. `cookies` are Set-Cookie values. */
export type PageAnswer = { cookies?: readonly string[]; headers?: Record<string, string> } & (
  | {
      /** Default 200. 422 for a form shown again with its errors. */
      status?: number;
      html: VNode;
      /** One more origin that this page's forms may lead to (after our redirect), such as a partner's return URL. */
      formAction?: string;
    }
  /** 303, or the given status, to a path of ours. */
  | { status?: number; redirect: string }
  /** 303 to another origin. The handler has checked that it may be gone to. */
  | { leaveTo: URL }
  /** A file, written while it is made. */
  | { download: AsyncIterable<string>; filename: string; mediaType: string }
);

/** A page: HTML for people at a path of its own, bare only (not under /v1), and not in the OpenAPI document. */
export interface Page {
  method: 'GET' | 'POST';
  /** Express path; also the label of its metrics. */
  path: string;
  /** The URL can carry a token, also within `next`: responses forbid browsers to send it as a referrer. */
  tokenInUrl?: boolean;
  /** Served also where people cannot sign up, because no mail leaves: pages for operators. */
  always?: boolean;
  handle: (call: PageCall) => Promise<PageAnswer> | PageAnswer;
}

/** Declares a page. Put it into the table of `api/web/routes.ts`. */
export function page(definition: Page): Page {
  return definition;
}
