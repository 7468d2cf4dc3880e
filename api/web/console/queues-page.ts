import express, { type Request, type RequestHandler, type Response } from 'express';
import { PublicError } from '../../http/public-error';
import type { ApiContext } from '../../context';
import { type Answer, type Exchange, finish, finishWithProblem, openExchange } from '../../http/finish';
import { securityHeaders } from '../http/security-headers';
import { createBoard } from './bull-board';
import { isOperator } from './session';

const BASE = '/admin/queues';
const STATIC_MAX_AGE = '1h';

/** Allows scripts, but no resources from other origins. Sets `base-uri`, because the page has a `<base>` element. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Returns a redirect to the login page for browsers. Throws 401 for other clients and for bull-board's own requests. */
function logInAnswer(req: Request): Answer {
  if (req.accepts(['json', 'html']) === 'html' && !req.path.includes('/api/')) {
    return { status: 303, text: '', mediaType: null, headers: { Location: '/admin/login' } };
  }
  throw new PublicError('ADMIN_TOKEN_INVALID', 'Log in at /admin/login.');
}

/** Returns the route for bull-board, which shows logged-in operators a read-only view of the queues. */
export function queuesPage(ctx: ApiContext): { method: string; path: string; handle: RequestHandler } {
  const { publicUrl } = ctx.config;
  const board = createBoard(ctx, BASE);
  const headers = { ...securityHeaders(publicUrl), 'Content-Security-Policy': POLICY };

  const end = (res: Response, answer: Promise<Answer>): void =>
    finish(ctx, (res.locals as { exchange: Exchange }).exchange, answer);
  const router = express.Router();
  router.use('/static', express.static(board.staticDir, { index: false, redirect: false, maxAge: STATIC_MAX_AGE }));
  for (const { paths, handle } of board.routes) {
    router.get(paths, (req, res) => {
      const result = handle({ params: req.params, query: { ...req.query } });
      end(
        res,
        result.then(({ status = 200, body }) => ({ status, body })),
      );
    });
  }
  const html: Answer = { status: 200, text: board.html, mediaType: 'text/html; charset=utf-8' };
  router.get(board.pagePaths, (_req, res) => end(res, Promise.resolve(html)));

  return {
    method: 'GET',
    path: `${BASE}{/*rest}`,
    handle: (req, res) => {
      const exchange = openExchange(req, res);
      Object.assign(exchange.headers, headers);
      res.locals['exchange'] = exchange;
      // Express itself sends static files, so set the headers on its response, too.
      res.set(exchange.headers);
      const fail = (error: unknown): void =>
        finishWithProblem(ctx, exchange, error ?? new PublicError('NOT_FOUND', 'Page not found.'));
      isOperator(ctx, req.headers.cookie, Date.now())
        .then((loggedIn) => {
          if (!loggedIn) return end(res, Promise.resolve(logInAnswer(req)));
          req.url = req.url.slice(BASE.length) || '/';
          return void router(req, res, fail);
        })
        .catch(fail);
    },
  };
}
