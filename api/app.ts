import express, { type Express, type RequestHandler } from 'express';
import { PublicError } from './http/public-error';
import { type MessageClasses, metricsListener } from '../shared/process/listen';
import type { ApiContext } from './context';
import { buildOpenApi } from './openapi/build-openapi';
import { referencePage } from './web/reference/reference-page';
import { observed, OTHER_METHOD, UNMATCHED } from './http/observe';
import { withMessageClasses } from './http/message-classes';
import { finishWithProblem, openExchange } from './http/finish';
import type { Route } from './http/route';
import { createAdmit, runRoute } from './http/run-route';
import { queuesPages } from './web/console/queues/queues-page';
import { errorPages, pageRoutes } from './web/mount-pages';
import { BARE_ROUTES, PARTNER_ROUTES } from './routes';

interface Mounted {
  method: string;
  path: string;
  handle: RequestHandler;
  /** Prefixes instead of those of the other routes. */
  prefixes?: readonly string[];
}

/**
 * Mounts routes under each prefix, or under their own, in the given order. For each path, also mounts a handler that returns 405 with the
 * supported methods. Does not use a nested router, which would take a tenth of the time that a small request needs.
 * Metrics use the path without its prefix.
 */
function mount(app: Express, ctx: ApiContext, prefixes: readonly string[], routes: readonly Mounted[]): void {
  const prefixesOf = (route: Mounted): readonly string[] => route.prefixes ?? prefixes;
  for (const path of new Set(routes.map((route) => route.path))) {
    const routesOfPath = routes.filter((route) => route.path === path);
    for (const route of routesOfPath) {
      const name = route.method.toLowerCase() as 'get' | 'post' | 'patch' | 'put' | 'delete';
      const paths = prefixesOf(route).map((prefix) => prefix + path);
      app[name](paths, observed(ctx, path, route.method, route.handle));
    }
    // Mount this handler before later paths; otherwise, `PATCH /agents/policy` would match the route that changes an
    // agent.
    const methods = routesOfPath.map(({ method }) => method);
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ');
    const rejectMethod: RequestHandler = () => {
      throw new PublicError('METHOD_NOT_ALLOWED', `This path supports only ${allow}.`, { headers: { Allow: allow } });
    };
    const allPaths = [...new Set(routesOfPath.flatMap(prefixesOf))].map((prefix) => prefix + path);
    app.all(allPaths, observed(ctx, path, OTHER_METHOD, rejectMethod));
  }
}

/** Builds the Express app. Does not perform any I/O. */
export function createApp(ctx: ApiContext): Express & MessageClasses {
  const app = withMessageClasses(express());
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('query parser', 'simple');
  app.set('trust proxy', ctx.config.trustProxyHops);

  const admit = createAdmit(ctx);
  const handlersOf = (route: Route): Mounted[] => {
    const handle = runRoute(ctx, route, admit);
    const facts = { method: route.method, handle, ...(route.v1Only ? { prefixes: ['/v1'] } : {}) };
    return [route.path, ...(route.aliases ?? [])].map((path) => ({ ...facts, path }));
  };
  mount(app, ctx, ['', '/v1'], PARTNER_ROUTES.flatMap(handlersOf));
  const documented = { partner: PARTNER_ROUTES, bare: BARE_ROUTES };
  const openApi = buildOpenApi(documented, {
    publicUrl: ctx.config.publicUrl,
    operator: ctx.config.operator,
    eventTypes: ctx.catalog.entries.map(({ eventType }) => eventType),
  });
  mount(
    app,
    ctx,
    [''],
    [
      ...BARE_ROUTES.flatMap(handlersOf),
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
      ...queuesPages(ctx),
      ...pageRoutes(ctx, admit),
    ],
  );

  const notFound: RequestHandler = (req) => {
    throw new PublicError(
      'NOT_FOUND',
      `${req.method} ${req.path} does not exist. GET /openapi.json lists all endpoints.`,
    );
  };
  app.use(observed(ctx, UNMATCHED, OTHER_METHOD, notFound));
  const observeOnly = observed(ctx, UNMATCHED, OTHER_METHOD, () => undefined);
  app.use(((error, req, res, next) => {
    // Express decodes the path before it runs any handler. If decoding fails, the request is not in the metrics yet.
    if (error instanceof URIError) void observeOnly(req, res, next);
    next(error);
  }) satisfies express.ErrorRequestHandler);
  app.use(errorPages(ctx));
  app.use(((error, req, res, _next) => {
    finishWithProblem(ctx, openExchange(req, res), error);
  }) satisfies express.ErrorRequestHandler);
  return app;
}
