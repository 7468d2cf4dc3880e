import express, { type Request, type RequestHandler, type Response } from 'express';
import { PublicError } from '../../http/public-error';
import type { ApiContext } from '../../context';
import { sendProblem } from '../../http/problem';
import { requestIdOf } from '../../http/request-id';
import { send } from '../../http/respond';
import { securityHeaders } from '../http/security-headers';
import { createBoard } from './bull-board';
import { isOperator } from './session';

const BASE = '/admin/queues';
const STATIC_MAX_AGE = '1h';

/**
 * As strict as a script that runs in the page allows: everything from here, and nothing else. Its `<base>` is ours.
 */
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

/** Sends a browser to the log-in, and says to anything else that it is not logged in. */
function requireLogIn(req: Request, res: Response): void {
  if (req.accepts(['json', 'html']) === 'html' && !req.path.includes('/api/')) {
    res.redirect(303, '/admin/login');
    return;
  }
  throw new PublicError('ADMIN_TOKEN_INVALID', 'Log in at /admin/login.');
}

/** `GET /admin/queues`: bull-board for a logged-in operator, to read only. */
export function queuesPage(ctx: ApiContext): { method: string; path: string; handle: RequestHandler } {
  const { publicUrl } = ctx.config;
  const board = createBoard(ctx, BASE);
  const headers = { ...securityHeaders(publicUrl), 'Content-Security-Policy': POLICY };

  const router = express.Router();
  router.use('/static', express.static(board.staticDir, { index: false, redirect: false, maxAge: STATIC_MAX_AGE }));
  for (const { paths, answer } of board.routes) {
    router.get(paths, async (req, res) => {
      const { status = 200, body } = await answer({ params: req.params, query: { ...req.query } });
      send(res, status, body, headers);
    });
  }
  router.get(board.pagePaths, (_req, res) => {
    res.set('Cache-Control', 'no-store').type('html').send(board.html);
  });

  return {
    method: 'GET',
    path: `${BASE}{/*rest}`,
    handle: (req, res) => {
      const requestId = requestIdOf(req);
      res.set({ ...headers, 'X-Request-Id': requestId });
      const fail = (error: unknown): void => {
        const problem = error ?? new PublicError('NOT_FOUND', 'There is no such page.');
        sendProblem(res, problem, { requestId, log: ctx.log, config: ctx.config, headers });
      };
      isOperator(ctx, req.headers.cookie, Date.now())
        .then((logged) => {
          if (!logged) return requireLogIn(req, res);
          req.url = req.url.slice(BASE.length) || '/';
          return void router(req, res, fail);
        })
        .catch(fail);
    },
  };
}
