import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import { createApp } from '../../../../api/app';
import { BARE_ROUTES, PARTNER_ROUTES } from '../../../../api/routes';
import { PAGES } from '../../../../api/web/routes';
import type { Harness } from '../../../support/harness';
import { shadowedRoutes } from '../../../support/route-order';
import { sharedHarness } from '../../../support/shared-harness';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

const handle: RequestHandler = (_req, res) => void res.end();

describe('route order', () => {
  it('does not mount any route behind another route that shadows it', () => {
    expect(shadowedRoutes(createApp(mir.ctx)).shadowed).toEqual([]);
  });

  it('mounts every listed route, and mounts partner routes with and without the /v1 prefix', () => {
    const { checked } = shadowedRoutes(createApp(mir.ctx));
    const prefixed = (prefix: string, routes: readonly { method: string; path: string }[]): string[] =>
      routes.map(({ method, path }) => `${method} ${prefix}${path}`);
    expect(checked).toEqual(
      expect.arrayContaining([
        ...prefixed(
          '',
          PARTNER_ROUTES.filter(({ v1Only }) => !v1Only),
        ),
        ...prefixed('/v1', PARTNER_ROUTES),
        ...prefixed('', BARE_ROUTES),
        ...prefixed('', PAGES),
      ]),
    );
  });

  it('mounts routes that are new in /v1 only with this prefix', () => {
    const { checked } = shadowedRoutes(createApp(mir.ctx));
    const v1Only = PARTNER_ROUTES.filter((route) => route.v1Only).map(({ method, path }) => `${method} ${path}`);
    expect(v1Only).toContain('GET /events/receipts');
    expect(checked.filter((name) => v1Only.includes(name))).toEqual([]);
  });

  it('detects a static path shadowed by a path parameter or by its 405 handler', () => {
    const app = express();
    app.get(['/agents/:id', '/v1/agents/:id'], handle);
    app.all(['/agents/:id', '/v1/agents/:id'], handle);
    app.get(['/agents/find', '/v1/agents/find'], handle);
    app.post('/agents/import', handle);
    app.get('/agents/:id/lineage', handle);
    expect(shadowedRoutes(app).shadowed).toEqual([
      'GET /agents/find: shadowed by /agents/:id, /v1/agents/:id',
      'GET /v1/agents/find: shadowed by /agents/:id, /v1/agents/:id',
      'POST /agents/import: shadowed by /agents/:id, /v1/agents/:id',
    ]);
  });
});
