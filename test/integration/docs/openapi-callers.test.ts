import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type OpenApiDocument, type Operation, readOpenApi } from '../../support/openapi';
import { asAdmin } from '../../support/partners';
import type { Harness } from '../../support/harness';
import { WITHOUT_WAITING } from '../../support/audit-stream';
import { sharedHarness } from '../../support/shared-harness';

let mir: Harness;
let paths: OpenApiDocument['paths'];
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  ({ paths } = (await readOpenApi(mir.client)).document);
});
afterAll(() => mir.close());

/** Returns the problems that an operation documents, each as its status and code separated by a space. */
const documentedOf = ({ responses }: Operation): string[] =>
  Object.entries(responses).flatMap(([status, { content = {} }]) =>
    Object.keys(content['application/problem+json']?.examples ?? {}).map((code) => `${status} ${code}`),
  );

/** Calls every partner operation with an API key. Returns the problems that the called operations do not document. */
async function undocumented(key: string): Promise<string[]> {
  const found: string[] = [];
  let calls = 0;
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (!operation.security.some((one) => 'apiKey' in one)) continue;
      calls += 1;
      const body = operation.requestBody ? { body: {} } : {};
      const concrete = path.replaceAll(/\{\w+\}/g, 'x') + (WITHOUT_WAITING[path.replace('/v1', '')] ?? '');
      const response = await mir.client.request(method.toUpperCase(), concrete, { key, ...body });
      const problem = `${response.status} ${response.body?.code}`;
      if (response.status >= 400 && !documentedOf(operation).includes(problem))
        found.push(`${method} ${path} ${problem}`);
    }
  }
  expect(calls).toBeGreaterThan(25);
  return found;
}

async function agentKey(key: string, type: string, preset: string): Promise<string> {
  const agent = { name: 'Any', type, preset, allowedEventTypes: ['mir.transaction.*'] };
  const { status, body } = await mir.client.post('/v1/agents', key, agent);
  expect(status).toBe(201);
  return body.apiKey as string;
}

describe('OpenAPI problem responses', () => {
  it('documents every problem that a partner and its agents encounter, even after a downgrade or suspension', async () => {
    const { partnerId, liveKey } = await mir.partner();
    const admin = await agentKey(liveKey, 'SERVICE_ACCOUNT', 'ADMIN');
    const bot = await agentKey(liveKey, 'AI_AGENT', 'ORCHESTRATOR');
    const reader = await agentKey(liveKey, 'AI_AGENT', 'READ_ONLY');
    for (const key of [liveKey, admin, bot, reader]) expect(await undocumented(key)).toEqual([]);

    const change = async (fields: object) => {
      expect((await asAdmin(mir.client, 'PATCH', `/partners/${partnerId}`, fields)).status).toBe(200);
    };
    await change({ plan: 'STANDARD' });
    expect((await mir.client.post('/partners/link/code', admin, {})).body.code).toBe('ENTERPRISE_REQUIRED');
    for (const key of [liveKey, admin, bot, reader]) expect(await undocumented(key)).toEqual([]);
    await change({ suspended: true });
    for (const key of [liveKey, admin]) expect(await undocumented(key)).toEqual([]);
  });
});
