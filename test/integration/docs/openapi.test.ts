import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RouteDoc } from '../../../api/http/route';
import { BARE_ROUTES, PARTNER_ROUTES } from '../../../api/routes';
import { anEvent } from '../../support/builders';
import { ADMIN_TOKEN, type Harness, startHarness } from '../../support/harness';
import { type OpenApiDocument, type Operation, readOpenApi, valueAt } from '../../support/openapi';

const routes: readonly RouteDoc[] = [...PARTNER_ROUTES, ...BARE_ROUTES];
let mir: Harness;
let raw: OpenApiDocument;
let paths: OpenApiDocument['paths'];
let text: string;
beforeAll(async () => {
  mir = await startHarness();
  ({ raw, text } = await readOpenApi(mir.client));
  ({ paths } = raw);
});
afterAll(() => mir.close());

const operations = (): [string, string, Operation][] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [method, path, operation]),
  );

describe('GET /openapi.json', () => {
  it('documents exactly the routes that exist', () => {
    const declared = routes.map((route) => {
      const prefix = (PARTNER_ROUTES as readonly RouteDoc[]).includes(route) ? '/v1' : '';
      return `${route.method} ${prefix}${route.path.replaceAll(/:(\w+)/g, '{$1}')}`;
    });
    const documented = operations().map(([method, path]) => `${method.toUpperCase()} ${path}`);
    expect(documented.toSorted()).toEqual(declared.toSorted());
  });

  it('serves every documented path with and, except for newer routes, without /v1, and returns a documented status', async () => {
    const v1Only = new Set(
      PARTNER_ROUTES.flatMap((route) => (route.v1Only ? [`/v1${route.path.replaceAll(/:(\w+)/g, '{$1}')}`] : [])),
    );
    for (const [method, path, { security, responses }] of operations()) {
      const concrete = path.replaceAll(/\{\w+\}/g, 'x');
      const isAdmin = path.startsWith('/admin');
      const headers = isAdmin ? { 'x-admin-token': ADMIN_TOKEN } : {};
      for (const at of new Set([concrete, v1Only.has(path) ? concrete : concrete.replace(/^\/v1/, '')])) {
        const { status, body } = await mir.client.request(method.toUpperCase(), at, { headers });
        expect(Object.keys(responses)).toContain(String(status));
        if (!isAdmin && security.length > 0) expect(body).toMatchObject({ status: 401 });
      }
    }
  });

  it('returns 405 for every undocumented method on a path, and lists the documented methods', async () => {
    const known = ['get', 'post', 'put', 'patch', 'delete'];
    for (const [path, methods] of Object.entries(paths)) {
      const others = known.filter((method) => !(method in methods));
      for (const method of others) {
        const { status, headers } = await mir.client.request(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x'));
        expect({ method, path, status }).toEqual({ method, path, status: 405 });
        const allowed = headers.get('allow')!.toLowerCase().split(', ');
        expect(allowed.filter((one) => one !== 'head').toSorted()).toEqual(Object.keys(methods).toSorted());
      }
    }
  });

  it('has unique operation IDs and no broken references', () => {
    const ids = operations().map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference!);
    expect(references.length).toBeGreaterThan(0);
    for (const reference of references)
      expect([reference, valueAt(raw, reference)]).toEqual([reference, expect.anything()]);
  });

  it('documents the exact fields of responses', async () => {
    const { liveKey } = await mir.partner();
    const callAndCheck = async (
      method: string,
      path: string,
      at: string,
      body?: unknown,
      admin = false,
    ): Promise<unknown> => {
      const headers = admin ? { 'x-admin-token': ADMIN_TOKEN } : {};
      const response = await mir.client.request(method, at, { key: liveKey, headers, ...(body ? { body } : {}) });
      const doc = routes.find((route) => route.method === method && route.path === path)!;
      const schema = doc.answers[response.status]?.schema;
      expect(schema).toBeDefined();
      const parsed = schema!.safeParse(response.body);
      expect(parsed.error?.issues ?? []).toEqual([]);
      // `data` contains only the fields that the schema declares.
      expect(parsed.data).toEqual(response.body);
      return response.body;
    };
    const one = (await callAndCheck('POST', '/events', '/v1/events', anEvent())) as {
      receiptId: string;
      eventId: string;
    };
    await callAndCheck('POST', '/events', '/events', { events: [anEvent(), { ...anEvent(), weight: 99 }] });
    await mir.drained();
    await callAndCheck('GET', '/events', '/v1/events?userExternalId=u-1');
    await callAndCheck('GET', '/events/:eventId', `/events/${one.eventId}`);
    await callAndCheck('GET', '/events/receipts/:receiptId', `/events/receipts/${one.receiptId}`);
    await callAndCheck('POST', '/resolve', '/resolve', { userExternalId: 'u-1' });
    await callAndCheck('POST', '/resolve', '/resolve', { userExternalIds: ['u-1', 'unknown'] });
    await callAndCheck('GET', '/event-types', '/event-types');
    await callAndCheck('GET', '/healthz', '/healthz');
    await callAndCheck('GET', '/readyz', '/readyz');
    await callAndCheck('GET', '/admin/partners', '/admin/partners', undefined, true);
    await callAndCheck('GET', '/admin/applications', '/admin/applications', undefined, true);
  });
});
