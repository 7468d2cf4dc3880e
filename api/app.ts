import express, { type Express, type RequestHandler } from 'express';
import { PublicError } from './http/public-error';
import { metricsListener } from '../shared/process/listen';
import type { ApiContext } from './context';
import { buildOpenApi } from './openapi/build-openapi';
import { referencePage } from './web/reference/reference-page';
import { observed, OTHER_METHOD, UNMATCHED } from './http/observe';
import { finishWithProblem, openExchange } from './http/finish';
import type { Route } from './http/route';
import { createAdmit, runRoute } from './http/run-route';
import { queuesPage } from './web/console/queues-page';
import { errorPages, pageRoutes } from './web/mount-pages';
import { BARE_ROUTES, PARTNER_ROUTES } from './routes';

interface Mounted {
  method: string;
  path: string;
  handle: RequestHandler;
}

/**
 * Mounts routes under all prefixes and, for every path, a 405 that names the methods it has. They stand on the app
 * itself, the busiest first: a router in a router costs a tenth of a small request. Each is observed under its bare path.
 */
function mount(app: Express, ctx: ApiContext, prefixes: readonly string[], routes: readonly Mounted[]): void {
  const under = (path: string): string[] => prefixes.map((prefix) => prefix + path);
  for (const path of new Set(routes.map((route) => route.path))) {
    const here = routes.filter((route) => route.path === path);
    for (const { method, handle } of here) {
      const name = method.toLowerCase() as 'get' | 'post' | 'patch' | 'put' | 'delete';
      app[name](under(path), observed(ctx, path, method, handle));
    }
    // Before the paths that follow: else `PATCH /agents/policy` would be taken for a change of the agent `policy`.
    const methods = here.map(({ method }) => method);
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ');
    const rejectMethod: RequestHandler = () => {
      throw new PublicError('METHOD_NOT_ALLOWED', `This path has ${allow}.`, { headers: { Allow: allow } });
    };
    app.all(under(path), observed(ctx, path, OTHER_METHOD, rejectMethod));
  }
}

/** The Express app over a context. Does no I/O of its own. */
export function createApp(ctx: ApiContext): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('query parser', 'simple');
  app.set('trust proxy', ctx.config.trustProxyHops);

  const admit = createAdmit(ctx);
  const handlerOf = (route: Route) => ({ method: route.method, path: route.path, handle: runRoute(ctx, route, admit) });
  mount(app, ctx, ['', '/v1'], PARTNER_ROUTES.map(handlerOf));
  const documented = { partner: PARTNER_ROUTES, bare: BARE_ROUTES };
  const openApi = buildOpenApi(documented, {
    publicUrl: ctx.config.publicUrl,
    eventTypes: ctx.catalog.entries.map(({ eventType }) => eventType),
  });
  mount(
    app,
    ctx,
    [''],
    [
      ...BARE_ROUTES.map(handlerOf),
      ...referencePage(openApi),
      ...(ctx.config.metricsOnPublicPort
        ? [
            {
              method: 'GET',
              path: '/metrics',
              handle: metricsListener(ctx.metrics.registry, ctx.log) as RequestHandler,
            },
          ]
        : []),
      queuesPage(ctx),
      ...pageRoutes(ctx),
    ],
  );

  const notFound: RequestHandler = (req) => {
    throw new PublicError('NOT_FOUND', `There is no ${req.method} ${req.path}. GET /openapi.json lists what there is.`);
  };
  app.use(observed(ctx, UNMATCHED, OTHER_METHOD, notFound));
  const observeOnly = observed(ctx, UNMATCHED, OTHER_METHOD, () => undefined);
  app.use(((error, req, res, next) => {
    // A path that cannot be decoded comes here before any handler saw it.
    if (error instanceof URIError) void observeOnly(req, res, next);
    next(error);
  }) satisfies express.ErrorRequestHandler);
  app.use(errorPages(ctx));
  app.use(((error, req, res, _next) => {
    finishWithProblem(ctx, openExchange(req, res), error);
  }) satisfies express.ErrorRequestHandler);
  return app;
}
