import type { VNode } from 'preact';
import type { Log } from '../../../shared/log';
import type { OperatorRight, OperatorRole } from '../../../shared/domain/roles';
import type { ApiContext } from '../../context';
import type { createSubmitSingle } from '../../events/submit-single';
import type { Admit } from '../../http/run-route';
import type { Session } from '../../accounts/auth';
import type { StaffSession } from '../../accounts/staff-auth';
import type { Live } from './live-events';

/** What pages need to act for a partner as the API's routes do. */
export interface PartnerCalls {
  admit: Admit;
  submitSingle: ReturnType<typeof createSubmitSingle>;
}

/** Text fields by name, with the first value for each name. The object has no prototype. */
export type Fields = Readonly<Record<string, string | undefined>>;

/** A logged-in operator. */
export interface Operator {
  memberId: string;
  name: string;
  role: OperatorRole;
  rights: readonly OperatorRight[];
}

/** Input to a page's handler. */
export interface PageCall extends PartnerCalls {
  ctx: ApiContext;
  requestId: string;
  log: Log;
  /** Host and port of the request. */
  host: string;
  /** True if the browser reports that the request comes from another site. */
  crossSite: boolean;
  /** Remote address of the socket, regardless of headers. Behind a proxy, this is the proxy's address. */
  peer: string | undefined;
  /** Client address. Throttle by `throttledAddress(ip)`. */
  ip: string;
  /** Session of the logged-in person. Null if no one is logged in or the email address is not confirmed. */
  session: Session | null;
  /** Session of a member or operator. Null on pages for others, and if no one is logged in. */
  staff: StaffSession | null;
  /** The logged-in operator. Null on pages that are not only for operators. */
  operator: Operator | null;
  /** Random ID of the browser, from an HttpOnly cookie. It does not change at login. */
  visitor: string;
  /** The posted fields, after the CSRF check; empty for GET. */
  form: Fields;
  query: Fields;
  params: Fields;
  userAgent: string | undefined;
  /** The request's Cookie header, for `ctx.auth` only. */
  cookie: string;
}

/** Result of a page's handler. `cookies` are Set-Cookie values. */
export type PageResponse = { cookies?: readonly string[]; headers?: Record<string, string> } & (
  | {
      /** Default: 200. Use 422 for a form with errors. */
      status?: number;
      html: VNode;
      /** Another origin that our response to a form may redirect to, such as the origin of a partner's return URL. */
      formAction?: string;
    }
  /** A part of a page, which a script puts in place. Browsers get it only from our own script. */
  | { fragment: VNode }
  /** Server-sent events with a part of a page, which a script shows instead of the previous one. */
  | { live: Live }
  /** Redirects to one of our own paths, with 303 by default. */
  | { status?: number; redirect: string }
  /** Redirects to another origin with 303. The handler must have checked that the URL is allowed. */
  | { leaveTo: URL }
  /** A file, streamed while it is generated. */
  | { download: AsyncIterable<string>; filename: string; mediaType: string }
);

/** An HTML page. Pages are not served under `/v1` and do not appear in the OpenAPI document. */
export interface Page {
  method: 'GET' | 'POST';
  /** Express path, and the `route` label in metrics. */
  path: string;
  /**
   * True if the URL can contain a token, directly or inside `next`. Responses then tell browsers not to send a
   * referrer.
   */
  tokenInUrl?: boolean;
  /**
   * True if the page is served even when email is off and people cannot sign up. For pages that partners and operators
   * use.
   */
  always?: boolean;
  /** True if the posted form contains a long text. */
  hasLongText?: boolean;
  /** True if the page may load our scripts although no member or operator is logged in. */
  scripts?: boolean;
  /** True if the page reads no session, so that it is served while the databases are down. */
  withoutSession?: boolean;
  /**
   * Who the page is for, by default people with a history. On pages for staff, only the session of a staff account
   * counts. With `required`, browsers without one are redirected to the login page.
   */
  staff?: 'optional' | 'required';
  /** The right that the role of an operator must have. Accounts that are not operators get 404. */
  right?: OperatorRight;
  handle: (call: PageCall) => Promise<PageResponse> | PageResponse;
}

/** A page for logged-in members and operators. */
export type StaffCall = PageCall & { staff: StaffSession };

/** Declares a page that needs the session of a staff account. List it in `api/web/routes.ts`. */
export function staffPage(
  definition: Omit<Page, 'handle' | 'staff' | 'always' | 'right'> & {
    handle: (call: StaffCall) => Promise<PageResponse> | PageResponse;
  },
): Page {
  return { ...definition, always: true, staff: 'required', handle: (call) => definition.handle(call as StaffCall) };
}

/** Declares a page. List it in `api/web/routes.ts`. */
export function page(definition: Page): Page {
  return definition;
}
