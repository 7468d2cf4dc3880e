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
  it('every route is documented, and nothing else is', () => {
    const declared = routes.map((route) => {
      const prefix = (PARTNER_ROUTES as readonly RouteDoc[]).includes(route) ? '/v1' : '';
      return `${route.method} ${prefix}${route.path.replaceAll(/:(\w+)/g, '{$1}')}`;
    });
    const documented = operations().map(([method, path]) => `${method.toUpperCase()} ${path}`);
    expect(documented.toSorted()).toEqual(declared.toSorted());
  });

  it('every documented path is there, bare and under /v1, and answers with a documented status', async () => {
    for (const [method, path, { security, responses }] of operations()) {
      const concrete = path.replaceAll(/\{\w+\}/g, 'x');
      const isAdmin = path.startsWith('/admin');
      const headers = isAdmin ? { 'x-admin-token': ADMIN_TOKEN } : {};
      for (const at of new Set([concrete, concrete.replace(/^\/v1/, '')])) {
        const { status, body } = await mir.client.request(method.toUpperCase(), at, { headers });
        expect(Object.keys(responses)).toContain(String(status));
        if (!isAdmin && security.length > 0) expect(body).toMatchObject({ status: 401 });
      }
    }
  });

  it('a documented path answers 405 with its methods to every other one, also where a path with a parameter has it', async () => {
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

  it('operation ids are unique and every reference leads somewhere', () => {
    const ids = operations().map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference!);
    expect(references.length).toBeGreaterThan(0);
    for (const reference of references)
      expect([reference, valueAt(raw, reference)]).toEqual([reference, expect.anything()]);
  });

  it('what is answered is what is documented: events, receipts, lists, signals, types, partners', async () => {
    const { liveKey } = await mir.partner();
    const answered = async (
      method: string,
      path: string,
      at: string,
      body?: unknown,
      admin = false,
    ): Promise<unknown> => {
      const headers = admin ? { 'x-admin-token': ADMIN_TOKEN } : {};
      const answer = await mir.client.request(method, at, { key: liveKey, headers, ...(body ? { body } : {}) });
      const doc = routes.find((route) => route.method === method && route.path === path)!;
      const schema = doc.answers[answer.status]?.schema;
      expect(schema).toBeDefined();
      const parsed = schema!.safeParse(answer.body);
      expect(parsed.error?.issues ?? []).toEqual([]);
      // A field that the schema does not know would be stripped from `data`.
      expect(parsed.data).toEqual(answer.body);
      return answer.body;
    };
    const one = (await answered('POST', '/events', '/v1/events', anEvent())) as { receiptId: string; eventId: string };
    await answered('POST', '/events', '/events', { events: [anEvent(), { ...anEvent(), weight: 99 }] });
    await mir.drained();
    await answered('GET', '/events', '/v1/events?userExternalId=u-1');
    await answered('GET', '/events/:eventId', `/events/${one.eventId}`);
    await answered('GET', '/events/receipts/:receiptId', `/events/receipts/${one.receiptId}`);
    await answered('POST', '/resolve', '/resolve', { userExternalId: 'u-1' });
    await answered('POST', '/resolve', '/resolve', { userExternalIds: ['u-1', 'nobody'] });
    await answered('GET', '/event-types', '/event-types');
    await answered('GET', '/healthz', '/healthz');
    await answered('GET', '/readyz', '/readyz');
    await answered('GET', '/admin/partners', '/admin/partners', undefined, true);
    await answered('GET', '/admin/applications', '/admin/applications', undefined, true);
  });
});
