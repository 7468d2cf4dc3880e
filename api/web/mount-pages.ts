import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import type { ApiContext } from '../context';
import { ASSETS } from './design/assets';
import { PAGES } from './routes';
import { answerWithErrorPage, runPage } from './http/run-page';
import { serveAsset } from './http/serve-asset';

interface Mounted {
  method: string;
  path: string;
  handle: RequestHandler;
}

/** All pages and their files, as routes of the app. Without mails there are no accounts, so no pages for people either. */
export function pageRoutes(ctx: ApiContext): Mounted[] {
  const withPeople = ctx.config.mail.kind !== 'off';
  return [
    ...PAGES.filter(({ always }) => always || withPeople).map((page) => ({
      method: page.method,
      path: page.path,
      handle: runPage(ctx, page),
    })),
    ...ASSETS.map((asset) => ({ method: 'GET', path: asset.path, handle: serveAsset(asset) })),
  ];
}

/** True for a browser that opens a page: it names HTML, where a program takes anything. */
function wantsPage(req: Request): boolean {
  return (req.headers.accept ?? '').includes('text/html') && req.accepts(['json', 'html']) === 'html';
}

/** Errors outside of any route (no such path, wrong method) are pages for whoever opens them in a browser. */
export function errorPages(ctx: ApiContext): ErrorRequestHandler {
  return (error, req, res, next) => {
    if (wantsPage(req)) answerWithErrorPage(ctx, req, res, error);
    else next(error);
  };
}
