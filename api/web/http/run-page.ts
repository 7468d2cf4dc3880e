import type { Request, RequestHandler, Response } from 'express';
import type { VNode } from 'preact';
import { MirError } from '../../../shared/errors';
import type { ApiContext } from '../../context';
import { type Answer, finish, finishWithProblem, openExchange } from '../../http/finish';
import { MAX_FORM_BODY_BYTES, MAX_LONG_FORM_BODY_BYTES } from '../../http/body-limits';
import type { Problem } from '../../http/problem';
import type { ResponseHeaders } from '../../http/respond';
import { NOBODY, type ReadSession } from '../../accounts/auth';
import type { StaffSession } from '../../accounts/staff-auth';
import { readStaffSession } from '../../accounts/staff-cookie';
import { type Visitor, visitorOf } from '../../accounts/cookies';
import { CSRF_TOKEN_FIELD } from '../design/form';
import type { PageFacts } from '../design/page-facts';
import { errorPage } from './error-page';
import { checkCsrfToken, checkOrigin, csrfTokenOf } from './csrf-token';
import type { Operator, Page, PageResponse, PartnerCalls } from './page';
import { fieldsOf, readForm } from './read-form';
import { liveEvents } from './live-events';
import { render, renderPart } from './render';
import { NO_PAGE, requireOperator } from './require-operator';
import { securityHeaders } from './security-headers';

const SEE_OTHER = 303;
const NO_CONTENT = 204;
const PORTAL = '/portal';
const PORTAL_LOG_OUT = '/portal/logout';
const PORTAL_LOG_IN = '/portal/login';
const CONSOLE = '/console';
const OWN_PATH = /^\/(?![/\\])/;

/** Request state that both pages and error pages need. */
interface RequestState {
  requestId: string;
  tokenInUrl: boolean;
  visitor: Visitor;
  read: ReadSession;
  staff: StaffSession | null;
  operator: Operator | null;
  /** The page may load our scripts although no member or operator is logged in. */
  withScripts: boolean;
  /** Our own script sent the request, not the browser. */
  isScript: boolean;
}

function sessionIdOf({ staff, read }: Pick<RequestState, 'staff' | 'read'>): string | null {
  return (staff ?? read.session)?.sessionId ?? null;
}

function textOf(pairs: Record<string, unknown>): [string, string][] {
  return Object.entries(pairs).flatMap(([name, value]): [string, string][] => {
    const first: unknown = Array.isArray(value) ? value[0] : value;
    return typeof first === 'string' ? [[name, first]] : [];
  });
}

function locationOf(target: { redirect: string } | { leaveTo: URL }): string {
  if ('leaveTo' in target) return target.leaveTo.href;
  if (!OWN_PATH.test(target.redirect)) throw new Error("the page's redirect is not one of our own paths");
  return target.redirect;
}

/** Turns the result of a page's handler into an HTTP response with the headers common to all pages. */
function presentPage(
  ctx: ApiContext,
  page: PageResponse,
  { tokenInUrl, visitor, read, ...state }: RequestState,
): Answer {
  const { staff, isScript } = state;
  const { publicUrl, mail, oidc, operator, logo } = ctx.config;
  const formAction = 'formAction' in page ? page.formAction : undefined;
  const headers: ResponseHeaders = {
    ...securityHeaders(publicUrl, { tokenInUrl, formAction, scripts: staff !== null || state.withScripts }),
    ...page.headers,
  };
  const cookies = [...(visitor.cookie ? [visitor.cookie] : []), ...read.cookies, ...(page.cookies ?? [])];
  if (cookies.length > 0) headers['Set-Cookie'] = cookies;
  if ('download' in page) {
    headers['Content-Disposition'] = `attachment; filename="${page.filename}"`;
    return { status: 200, stream: page.download, mediaType: page.mediaType, headers };
  }
  if ('redirect' in page || 'leaveTo' in page) {
    // A script would follow the redirect, and show a whole page as a part of one.
    headers[isScript ? 'HX-Redirect' : 'Location'] = locationOf(page);
    const status = 'redirect' in page ? page.status : undefined;
    return { status: isScript ? NO_CONTENT : (status ?? SEE_OTHER), text: '', mediaType: null, headers };
  }
  const facts: PageFacts = {
    csrfToken: csrfTokenOf(ctx.secrets, { sessionId: sessionIdOf({ staff, read }), visitor: visitor.id }),
    mails: mail.kind,
    provider: oidc?.name ?? null,
    operator,
    logo: logo?.path ?? null,
    signedInAs: (staff ?? read.session)?.email ?? null,
    ...(staff
      ? { home: state.operator ? CONSOLE : PORTAL, logOut: PORTAL_LOG_OUT }
      : { home: '/account', logOut: '/logout' }),
  };
  if ('live' in page) {
    const closed = new AbortController();
    const account = staff?.staffId ?? visitor.id;
    const part = (html: VNode): string => renderPart(html, facts);
    const stream = liveEvents(ctx, page.live, { account, render: part, signal: closed.signal });
    // nginx otherwise holds back events until its buffer is full.
    headers['X-Accel-Buffering'] = 'no';
    return { status: 200, stream, mediaType: 'text/event-stream', headers, onClose: () => closed.abort() };
  }
  const text = 'fragment' in page ? renderPart(page.fragment, facts) : render(page.html, facts);
  const status = ('status' in page ? page.status : undefined) ?? 200;
  return { status, text, mediaType: 'text/html; charset=utf-8', headers };
}

function presentErrorPage(ctx: ApiContext, problem: Problem, state: RequestState, forOperators = false): Answer {
  const { status, headers } = problem;
  return presentPage(ctx, { status, html: errorPage(problem, state.requestId, forOperators), headers }, state);
}

/** Sends the error page for a request that does not match any page. */
export function sendErrorPage(ctx: ApiContext, req: Request, res: Response, thrown: unknown): void {
  const error = thrown instanceof MirError && thrown.code === 'NOT_FOUND' ? NO_PAGE : thrown;
  const visitor = { ...visitorOf(req.headers.cookie, ctx.config.publicUrl), cookie: null };
  const exchange = openExchange(req, res);
  // The URL may be an incomplete or mistyped copy of an emailed link that contains a token.
  const state = {
    requestId: exchange.requestId,
    tokenInUrl: true,
    visitor,
    read: NOBODY,
    staff: null,
    operator: null,
    withScripts: false,
    isScript: false,
  };
  finishWithProblem(ctx, exchange, error, (problem) => presentErrorPage(ctx, problem, state));
}

/** Returns a page's Express handler, which reads the session, validates posted forms and renders the page. */
export function runPage(
  ctx: ApiContext,
  {
    method,
    tokenInUrl = false,
    staff,
    right,
    hasLongText = false,
    withoutSession = false,
    scripts = false,
    handle,
  }: Page,
  partnerCalls: PartnerCalls,
): RequestHandler {
  // URLs of the portal and console name partners, and nothing else needs to know which pages a person has open.
  const hidesReferrer = tokenInUrl || staff !== undefined;
  const run = async (req: Request, res: Response, state: RequestState): Promise<PageResponse> => {
    const cookie = req.headers.cookie ?? '';
    if (method === 'POST') checkOrigin(req.headers, ctx.config.publicUrl, hidesReferrer);
    if (staff) state.staff = await readStaffSession(ctx, cookie);
    else if (!withoutSession) state.read = await ctx.auth.readSession(cookie);
    const { session } = state.read;
    if (right && state.staff) state.operator = await requireOperator(ctx, state.staff, right);
    let form = fieldsOf([]);
    if (method === 'POST') {
      form = await readForm(req, res, hasLongText ? MAX_LONG_FORM_BODY_BYTES : MAX_FORM_BODY_BYTES);
      const bearer = { sessionId: sessionIdOf(state), visitor: state.visitor.id };
      checkCsrfToken(form[CSRF_TOKEN_FIELD], csrfTokenOf(ctx.secrets, bearer));
    }
    if (staff === 'required' && !state.staff) return { redirect: PORTAL_LOG_IN };
    return handle({
      ...partnerCalls,
      ctx,
      requestId: state.requestId,
      log: ctx.log,
      host: req.headers.host ?? '',
      crossSite: req.headers['sec-fetch-site'] === 'cross-site',
      peer: req.socket.remoteAddress,
      ip: req.ip ?? 'unknown',
      session,
      staff: state.staff,
      operator: state.operator,
      visitor: state.visitor.id,
      form,
      query: fieldsOf(textOf(req.query)),
      params: fieldsOf(textOf(req.params)),
      userAgent: req.headers['user-agent'],
      cookie,
    });
  };

  return (req, res) => {
    const exchange = openExchange(req, res);
    const visitor = visitorOf(req.headers.cookie, ctx.config.publicUrl);
    const state: RequestState = {
      requestId: exchange.requestId,
      tokenInUrl: hidesReferrer,
      visitor,
      read: NOBODY,
      staff: null,
      operator: null,
      withScripts: scripts,
      isScript: req.headers['hx-request'] === 'true',
    };
    const response = run(req, res, state).then((page) => presentPage(ctx, page, state));
    finish(ctx, exchange, response, (problem) => presentErrorPage(ctx, problem, state, right !== undefined));
  };
}
