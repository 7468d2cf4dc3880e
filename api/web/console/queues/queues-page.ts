import express, { type Request, type RequestHandler, type Response } from 'express';
import { PublicError } from '../../../http/public-error';
import type { ApiContext } from '../../../context';
import { type Answer, type Exchange, finish, finishWithProblem, openExchange } from '../../../http/finish';
import { readStaffSession } from '../../../accounts/staff-cookie';
import { requireOperator } from '../../http/require-operator';
import { securityHeaders } from '../../http/security-headers';
import { createBoard, type WayOut } from './bull-board';
import { isOperator } from './session';

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

/** A place where the board is served, and who may see it there. */
interface BoardPlace {
  base: string;
  wayOut: WayOut;
  logIn: string;
  /** The error for bull-board's own requests without a session. */
  code: 'ADMIN_TOKEN_INVALID' | 'SESSION_INVALID';
  /** Returns whether the browser has a session of an operator. Throws if the operator may not see the board. */
  isAllowed: (ctx: ApiContext, cookie: string | undefined) => Promise<boolean>;
}

/** Throws 503 if Redis does not respond, because bull-board would report its errors as failures of MIR. */
async function requireQueueStore({ queueLink }: ApiContext): Promise<void> {
  try {
    await queueLink.client.ping();
  } catch (error) {
    const detail = 'Redis did not respond, so the queues could not be read. Try again.';
    throw new PublicError('OVERLOADED', detail, { retryAfterSeconds: 2, cause: error });
  }
}

const PLACES: readonly BoardPlace[] = [
  {
    base: '/console/queues',
    wayOut: { kind: 'button', text: 'Back to the console', url: '/console' },
    logIn: '/portal/login',
    code: 'SESSION_INVALID',
    isAllowed: async (ctx, cookie) => {
      const staff = await readStaffSession(ctx, cookie ?? '');
      if (staff === null) return false;
      await requireOperator(ctx, staff, 'queues:read');
      await requireQueueStore(ctx);
      return true;
    },
  },
  // For servers whose operators have no accounts.
  {
    base: '/admin/queues',
    wayOut: { kind: 'menu', text: 'Log out', url: '/admin/logout' },
    logIn: '/admin/login',
    code: 'ADMIN_TOKEN_INVALID',
    isAllowed: (ctx, cookie) => isOperator(ctx, cookie, Date.now()),
  },
];

/** Returns a redirect to the login page for browsers. Throws 401 for other clients and for bull-board's own requests. */
function logInAnswer(req: Request, { logIn, code }: BoardPlace): Answer {
  if (req.accepts(['json', 'html']) === 'html' && !req.path.includes('/api/')) {
    return { status: 303, text: '', mediaType: null, headers: { Location: logIn } };
  }
  throw new PublicError(code, `Log in at ${logIn}.`);
}

/** Returns the routes for bull-board, which shows logged-in operators a read-only view of the queues. */
export function queuesPages(ctx: ApiContext): { method: string; path: string; handle: RequestHandler }[] {
  return PLACES.map((place) => ({ method: 'GET', path: `${place.base}{/*rest}`, handle: boardHandler(ctx, place) }));
}

function boardHandler(ctx: ApiContext, place: BoardPlace): RequestHandler {
  const { base, wayOut, isAllowed } = place;
  const { publicUrl } = ctx.config;
  const board = createBoard(ctx, base, wayOut);
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

  return (req, res) => {
    const exchange = openExchange(req, res);
    Object.assign(exchange.headers, headers);
    res.locals['exchange'] = exchange;
    // Express itself sends static files, so set the headers on its response, too.
    res.set(exchange.headers);
    const fail = (error: unknown): void =>
      finishWithProblem(ctx, exchange, error ?? new PublicError('NOT_FOUND', 'Page not found.'));
    isAllowed(ctx, req.headers.cookie)
      .then((allowed) => {
        if (!allowed) return end(res, Promise.resolve(logInAnswer(req, place)));
        req.url = req.url.slice(base.length) || '/';
        return void router(req, res, fail);
      })
      .catch(fail);
  };
}
