import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { submitEventsRoute } from '../../../api/events/submit-events';
import type { RouteDoc } from '../../../api/http/route';
import { BARE_ROUTES, PARTNER_ROUTES } from '../../../api/routes';
import { problemTypeOf } from '../../../api/http/problem';
import { PROBLEMS } from '../../../api/http/problems';
import type { ProblemCode } from '../../../shared/errors';
import type { Harness } from '../../support/harness';
import { sharedHarness } from '../../support/shared-harness';
import { examplesOf, type Media, type OpenApiDocument, type Operation, readOpenApi } from '../../support/openapi';

const routes: readonly RouteDoc[] = [...PARTNER_ROUTES, ...BARE_ROUTES];
let mir: Harness;
let document: OpenApiDocument;
/** Validates a value against a schema whose references point into the OpenAPI document. Returns the problems found. */
let problemsOf: (schema: object, value: unknown) => unknown[];
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  ({ document } = await readOpenApi(mir.client));
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'https://mir.example/openapi.json', ...document });
  problemsOf = (schema, value) => {
    const absolute = JSON.parse(
      JSON.stringify(schema).replaceAll('"#/', '"https://mir.example/openapi.json#/'),
    ) as object;
    return ajv.validate(absolute, value) ? [] : (ajv.errors ?? []);
  };
});
afterAll(() => mir.close());

function operationOf({ method, path }: RouteDoc): Operation {
  const inTemplate = path.replaceAll(/:(\w+)/g, '{$1}');
  return (document.paths[`/v1${inTemplate}`] ?? document.paths[inTemplate])![method.toLowerCase()]!;
}

function mediaOf(operation: Operation): [string, Media][] {
  const responses = Object.entries(operation.responses).flatMap(([status, { content = {} }]) =>
    Object.entries(content).map(([type, media]): [string, Media] => [`${status} ${type}`, media]),
  );
  return [...Object.entries(operation.requestBody?.content ?? {}), ...responses];
}

describe('OpenAPI examples', () => {
  it('has valid examples for every request body and response body', () => {
    const invalid = routes.flatMap((route) =>
      mediaOf(operationOf(route)).flatMap(([where, media]) => {
        const examples = examplesOf(media, document);
        expect(examples.length).toBeGreaterThan(0);
        return examples.flatMap(([name, value]) => {
          const problems = problemsOf(media.schema, value);
          return problems.length > 0 ? [{ at: `${route.method} ${route.path} ${where} ${name}`, problems }] : [];
        });
      }),
    );
    expect(invalid).toEqual([]);
  });

  it('detects a value that does not match its schema', () => {
    const { schema } = operationOf(submitEventsRoute).requestBody!.content['application/json']!;
    expect(problemsOf(schema, { userExternalId: 'u-1', eventType: 'mir.not.there' })).not.toEqual([]);
    expect(problemsOf({ $ref: '#/components/schemas/Problem' }, { code: 'NOT_A_CODE' })).not.toEqual([]);
  });

  it('has request examples that pass request validation', () => {
    const examples = routes.flatMap((route) => {
      const json = operationOf(route).requestBody?.content['application/json'];
      return (json ? examplesOf(json, document) : []).map(([name, value]) => ({ route, name, value }));
    });
    expect(examples.length).toBeGreaterThan(routes.filter(({ body }) => body).length);
    const rejected = examples.filter(({ route, value }) => !route.body!.safeParse(value).success);
    expect(rejected.map(({ route, name }) => `${route.method} ${route.path} ${name}`)).toEqual([]);
  });

  it('has a valid example for every object schema', () => {
    const objects = Object.entries(document.components.schemas).filter(([, schema]) => 'properties' in schema);
    expect(objects.length).toBeGreaterThan(60);
    for (const [name, { examples }] of objects) {
      expect({ name, examples }).toEqual({ name, examples: [expect.anything()] });
      expect({ name, problems: problemsOf({ $ref: `#/components/schemas/${name}` }, examples![0]) }).toEqual({
        name,
        problems: [],
      });
    }
  });

  it('has one event per line in NDJSON examples', () => {
    const { schema, example } = submitEventsRoute.lines!;
    const lines = example.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(schema.safeParse(JSON.parse(line)).error).toBeUndefined();
  });

  it('documents every problem code with its status and an example', () => {
    const seen = new Set<string>();
    for (const route of routes) {
      for (const [status, { content }] of Object.entries(operationOf(route).responses)) {
        const problem = content?.['application/problem+json'];
        for (const [code, { value }] of Object.entries(problem?.examples ?? {})) {
          seen.add(code);
          expect(PROBLEMS[code as ProblemCode].status).toBe(Number(status));
          const type = problemTypeOf(code as ProblemCode, mir.ctx.config.publicUrl);
          expect(value).toMatchObject({ type, code, status: Number(status) });
        }
      }
    }
    // No API route returns these two codes, which are for unsupported methods and for HTML forms.
    expect([...seen, 'METHOD_NOT_ALLOWED', 'FORM_REFUSED', 'RIGHT_MISSING'].toSorted()).toEqual(
      Object.keys(PROBLEMS).toSorted(),
    );
  });

  it('rejects a problem whose code the route does not document', () => {
    const { schema } = operationOf(submitEventsRoute).responses['401']!.content!['application/problem+json']!;
    const problem = { type: 'https://mir.example/errors/X', title: 'x', status: 401, detail: 'x', requestId: 'x' };
    expect(problemsOf(schema, { ...problem, code: 'API_KEY_INVALID' })).toEqual([]);
    expect(problemsOf(schema, { ...problem, code: 'ADMIN_TOKEN_INVALID' })).not.toEqual([]);
  });

  it('documents the headers that responses include, with valid examples', async () => {
    const { liveKey } = await mir.partner({ limits: { eventsPerMinute: 1, requestsPerMinute: 2 } });
    const { headers: components } = document.components;
    const responses = [
      await mir.client.post('/v1/events', liveKey, { userExternalId: 'u-1', eventType: 'mir.content.posted' }),
      await mir.client.post('/v1/events', liveKey, { userExternalId: 'u-1', eventType: 'mir.content.posted' }),
      await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u-1' }),
      await mir.client.get('/v1/event-types'),
      await mir.client.get('/v1/events', 'mir_live_mistyped'),
    ];
    const paths = ['post /v1/events', 'post /v1/events', 'post /v1/resolve', 'get /v1/event-types', 'get /v1/events'];
    expect(responses.map(({ status }) => status)).toEqual([202, 429, 200, 200, 401]);
    responses.forEach(({ status, headers }, n) => {
      const [method, path] = paths[n]!.split(' ') as [string, string];
      const documented = document.paths[path]![method]!.responses[status]!.headers;
      expect(Object.keys(documented)).toContain('X-Request-Id');
      for (const [name, { $ref }] of Object.entries(documented)) {
        const { schema, example } = components[$ref.split('/').at(-1)!]!;
        expect(problemsOf(schema, example)).toEqual([]);
        expect({ name, value: headers.get(name) }).toEqual({ name, value: expect.any(String) });
        expect(problemsOf(schema, headers.get(name))).toEqual([]);
      }
    });
  });
});
