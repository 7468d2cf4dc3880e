import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import type { ApiContext } from '../context';
import { createSubmitSingle } from '../events/submit-single';
import type { Admit } from '../http/run-route';
import { ASSETS } from './design/assets';
import { PAGES } from './routes';
import { runPage, sendErrorPage } from './http/run-page';
import { serveAsset } from './http/serve-asset';

interface Mounted {
  method: string;
  path: string;
  handle: RequestHandler;
}

/**
 * Returns the routes for pages and assets. Omits the pages for people when email is off, because no one can sign up
 * without email.
 */
export function pageRoutes(ctx: ApiContext, admit: Admit): Mounted[] {
  const partnerCalls = { admit, submitSingle: createSubmitSingle(ctx) };
  const withPeople = ctx.config.mail.kind !== 'off';
  return [
    ...PAGES.filter(({ always }) => always || withPeople).map((page) => ({
      method: page.method,
      path: page.path,
      handle: runPage(ctx, page, partnerCalls),
    })),
    ...[...ASSETS, ...(ctx.config.logo ? [ctx.config.logo] : [])].map((asset) => ({
      method: 'GET',
      path: asset.path,
      handle: serveAsset(asset),
    })),
  ];
}

/** Returns true for browsers, which list HTML in their Accept header. Other clients usually accept any media type. */
function wantsPage(req: Request): boolean {
  return (req.headers.accept ?? '').includes('text/html') && req.accepts(['json', 'html']) === 'html';
}

/** Shows browsers an error page for errors outside routes, such as an unknown path or an unsupported method. */
export function errorPages(ctx: ApiContext): ErrorRequestHandler {
  return (error, req, res, next) => {
    if (wantsPage(req)) sendErrorPage(ctx, req, res, error);
    else next(error);
  };
}
