import type { Request, RequestHandler, Response } from 'express';
import { MirError } from '../../../shared/errors';
import { PublicError } from '../../http/public-error';
import type { ApiContext } from '../../context';
import { problemOf } from '../../http/problem';
import { requestIdOf } from '../../http/request-id';
import { leaveIfDraining } from '../../http/respond';
import { sendStream } from '../../http/send-stream';
import { NOBODY, type ReadSession } from '../../accounts/auth';
import { type Visitor, visitorOf } from '../../accounts/cookies';
import { CSRF_TOKEN_FIELD } from '../design/form';
import { errorPage } from './error-page';
import { checkCsrfToken, checkOrigin, csrfTokenOf } from './csrf-token';
import type { Page, PageAnswer } from './page';
import { fieldsOf, readForm } from './read-form';
import { render } from './render';
import { securityHeaders } from './security-headers';

const SEE_OTHER = 303;
const OWN_PATH = /^\/(?![/\\])/;

/** What is known of a request while its page is made; the error page knows as much as was found out. */
interface Asking {
  requestId: string;
  tokenInUrl: boolean;
  visitor: Visitor;
  read: ReadSession;
}

function textOf(pairs: Record<string, unknown>): [string, string][] {
  return Object.entries(pairs).flatMap(([name, value]): [string, string][] => {
    const first: unknown = Array.isArray(value) ? value[0] : value;
    return typeof first === 'string' ? [[name, first]] : [];
  });
}

function locationOf(answer: PageAnswer): string | null {
  if ('leaveTo' in answer) return answer.leaveTo.href;
  if (!('redirect' in answer)) return null;
  if (!OWN_PATH.test(answer.redirect)) throw new Error('a page redirects to a path of ours only');
  return answer.redirect;
}

/** Writes a page's answer with the headers of every page. */
async function sendPage(
  ctx: ApiContext,
  res: Response,
  answer: PageAnswer,
  { requestId, tokenInUrl, visitor, read }: Asking,
): Promise<void> {
  const { publicUrl } = ctx.config;
  const headers: Record<string, string | string[]> = {
    ...securityHeaders(publicUrl, { tokenInUrl, formAction: 'formAction' in answer ? answer.formAction : undefined }),
    'Cache-Control': 'no-store',
    'X-Request-Id': requestId,
    ...answer.headers,
  };
  const cookies = [...(visitor.cookie ? [visitor.cookie] : []), ...read.cookies, ...(answer.cookies ?? [])];
  if (cookies.length > 0) headers['Set-Cookie'] = cookies;
  leaveIfDraining(ctx, headers as Record<string, string>);
  if ('download' in answer) {
    const disposition = `attachment; filename="${answer.filename}"`;
    const file = { status: 200, stream: answer.download, mediaType: answer.mediaType };
    const more = { ...(headers as Record<string, string>), 'Content-Disposition': disposition };
    await sendStream(res, file, more, { log: ctx.log, requestId });
    return;
  }
  const location = locationOf(answer);
  const status = 'leaveTo' in answer ? SEE_OTHER : (answer.status ?? ('html' in answer ? 200 : SEE_OTHER));
  let text = '';
  if ('html' in answer) {
    const csrfToken = csrfTokenOf(ctx.secrets, { sessionId: read.session?.sessionId ?? null, visitor: visitor.id });
    const { mail, oidc } = ctx.config;
    const facts = { csrfToken, mails: mail.kind, provider: oidc?.name ?? null };
    text = render(answer.html, { signedInAs: read.session?.email ?? null, ...facts });
    headers['Content-Type'] = 'text/html; charset=utf-8';
  }
  if (location !== null) headers['Location'] = location;
  headers['Content-Length'] = String(Buffer.byteLength(text));
  if (!res.headersSent && !res.destroyed) res.writeHead(status, headers).end(text);
}

/** Answers an error as a page. */
function sendErrorPage(ctx: ApiContext, res: Response, error: unknown, asking: Asking): Promise<void> {
  const problem = problemOf(error, asking.requestId, ctx.log);
  const { status, headers } = problem;
  return sendPage(ctx, res, { status, html: errorPage(problem, asking.requestId), headers }, asking);
}

const NO_PAGE = new PublicError('NOT_FOUND', 'Check the address. If you followed a link, it may have been cut off.');

/** The error page of a path that no page stands at. */
export async function answerWithErrorPage(
  ctx: ApiContext,
  req: Request,
  res: Response,
  thrown: unknown,
): Promise<void> {
  const error = thrown instanceof MirError && thrown.code === 'NOT_FOUND' ? NO_PAGE : thrown;
  const visitor = visitorOf(req.headers.cookie, ctx.config.publicUrl);
  // The address may be a mailed one that was cut off or mistyped.
  const asking = { requestId: requestIdOf(req), tokenInUrl: true, visitor: { ...visitor, cookie: null }, read: NOBODY };
  await sendErrorPage(ctx, res, error, asking);
}

/** The Express handler of a page: who asks, whether a post is the visitor's own, the handler, then the document. */
export function runPage(ctx: ApiContext, { method, tokenInUrl = false, handle }: Page): RequestHandler {
  const run = async (req: Request, res: Response, asking: Asking): Promise<PageAnswer> => {
    const cookie = req.headers.cookie ?? '';
    if (method === 'POST') checkOrigin(req.headers, ctx.config.publicUrl, tokenInUrl);
    asking.read = await ctx.auth.readSession(cookie);
    const { session } = asking.read;
    let form = fieldsOf([]);
    if (method === 'POST') {
      form = await readForm(req, res);
      const bearer = { sessionId: session?.sessionId ?? null, visitor: asking.visitor.id };
      checkCsrfToken(form[CSRF_TOKEN_FIELD], csrfTokenOf(ctx.secrets, bearer));
    }
    return handle({
      ctx,
      requestId: asking.requestId,
      log: ctx.log,
      host: req.headers.host ?? '',
      crossSite: req.headers['sec-fetch-site'] === 'cross-site',
      peer: req.socket.remoteAddress,
      ip: req.ip ?? 'unknown',
      session,
      visitor: asking.visitor.id,
      form,
      query: fieldsOf(textOf(req.query)),
      params: fieldsOf(textOf(req.params)),
      cookie,
    });
  };

  return (req, res) => {
    const visitor = visitorOf(req.headers.cookie, ctx.config.publicUrl);
    const asking: Asking = { requestId: requestIdOf(req), tokenInUrl, visitor, read: NOBODY };
    run(req, res, asking)
      .then((answer) => sendPage(ctx, res, answer, asking))
      .catch((error: unknown) => sendErrorPage(ctx, res, error, asking))
      .catch((error: unknown) => {
        ctx.log.error({ err: (error as Error).message, requestId: asking.requestId }, 'an error page failed');
        res.destroy();
      });
  };
}
