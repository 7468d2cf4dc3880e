import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { getAgentRoute } from '../../../api/agents/get-agent';
import { createApp } from '../../../api/app';
import type { KeyAuth, Route } from '../../../api/http/route';
import { PAGES } from '../../../api/web/routes';
import { tagOf } from '../../../shared/domain/ids';
import type { Harness } from '../../support/harness';
import { shadowedRoutes } from '../../support/route-order';
import { controlOf } from './controls';
import { changedOwners, fingerprint } from './fingerprint';
import { resourceParameters } from './parameters';
import { MOUNTED_ROUTES, type MountedRoute } from './mounted-routes';
import type { NewResource } from './resources';
import { runRouteMatrix } from './run-route';
import { matrixWorld } from './shared-world';
import type { World } from './world';

// Reads first: they compare another owner's users with users whom the caller has never named.
const isRead = ({ route }: MountedRoute): boolean => route.method === 'GET' || route.path === '/resolve';
const ROUTES = [...MOUNTED_ROUTES.filter(isRead), ...MOUNTED_ROUTES.filter((one) => !isRead(one))];

let mir: Harness;
let world: World;
let create: NewResource;
const total = { routes: 0, cells: 0, controls: 0 };

beforeAll(async () => {
  ({ mir, world, create } = await matrixWorld());
});
afterAll(() => {
  const { routes, cells, controls } = total;
  const credentials = world.credentials.length;
  process.stdout.write(`matrix: ${routes} routes, ${credentials} credentials, ${cells} cells, ${controls} controls\n`);
});

/** Refills the budgets of requests that kill or erase, of which the matrix sends more than a partner may in a minute. */
async function refillControlBudgets(): Promise<void> {
  const owners = new Set(world.credentials.map(({ owner }) => owner));
  const { keys, queueLink } = mir.ctx;
  for (const { partner, env } of owners) {
    await queueLink.client.del(keys.budget(tagOf(partner.partnerId), env, 'control') + partner.partnerId);
  }
}

describe('every route with every credential and every ID', () => {
  beforeEach(refillControlBudgets);

  it.each(ROUTES)('is answered exactly as the route table declares: $name', async ({ route, urls }) => {
    const { cells, controls, failures } = await runRouteMatrix(mir, world, route, urls, create);
    expect(failures).toEqual([]);
    expect(cells).toBeGreaterThanOrEqual(world.credentials.length);
    expect(controls).toBeGreaterThan(0);
    total.routes += 1;
    total.cells += cells;
    total.controls += controls;
  });
});

describe('the matrix', () => {
  it('covers every path that the API serves, together with the pages, the queues page and static documents', () => {
    const { checked } = shadowedRoutes(createApp(mir.ctx));
    const pathOf = (route: string): string => route.slice(route.indexOf(' ') + 1);
    const covered = new Set([...ROUTES.flatMap(({ urls }) => urls), ...PAGES.map(({ path }) => path)]);
    const served = new Set(checked.map(pathOf));
    expect([...covered].filter((path) => !served.has(path))).toEqual([]);
    const others = [...served].filter((path) => !covered.has(path) && !/^\/(assets|docs)\/[\w.-]+$/.test(path));
    expect(others.toSorted()).toEqual(['/admin/queues{/*rest}', '/console/queues{/*rest}', '/docs', '/openapi.json']);
  });

  it('says what to add for a route without a control and for a parameter that is not classified', () => {
    const added: Route = { ...getAgentRoute, path: '/agents/:id/report', query: z.object({ fileId: z.string() }) };
    expect(() => controlOf(added)).toThrow('GET /agents/:id/report: add a request that succeeds to CONTROLS');
    expect(() => resourceParameters(added)).toThrow('classify the query parameter `fileId`');
    expect(() => resourceParameters({ ...added, path: '/files/:fileId' })).toThrow('KIND_AFTER');
  });

  it('detects a changed document and its owner, but not a new time of use', async () => {
    const { partnerId } = await mir.partner();
    const before = await fingerprint(mir);
    const partners = mir.ctx.store.connection.collection<{ _id: string }>('partners');
    await partners.updateOne({ _id: partnerId }, { $set: { 'keys.0.lastUsedAt': new Date() } });
    expect(changedOwners(before, await fingerprint(mir))).toEqual([]);
    await partners.updateOne({ _id: partnerId }, { $set: { name: 'Changed' } });
    expect(changedOwners(before, await fingerprint(mir))).toEqual([partnerId]);
    await partners.deleteOne({ _id: partnerId });
    expect(changedOwners(before, await fingerprint(mir))).toEqual([partnerId]);
  });

  it('detects a route that accepts or rejects other callers than it declares', async () => {
    const { auth } = getAgentRoute as { auth: KeyAuth };
    const failuresOf = async (declared: Route['auth']): Promise<string> => {
      const route = { ...getAgentRoute, auth: declared } as Route;
      const { failures } = await runRouteMatrix(mir, world, route, ['/v1/agents/:id'], create);
      return failures.join('\n');
    };
    expect(await failuresOf({ ...auth, scope: 'users:erase' })).toContain('expected 403 SCOPE_MISSING, got 200');
    expect(await failuresOf({ ...auth, partnerOnly: true })).toContain('expected 403 HUMAN_REQUIRED, got 200');
    expect(await failuresOf({ ...auth, scope: 'events:read' })).toContain('the control got 403');
  });
});
