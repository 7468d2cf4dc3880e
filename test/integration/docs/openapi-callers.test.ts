import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type OpenApiDocument, type Operation, readOpenApi } from '../../support/openapi';
import { asAdmin } from '../../support/partners';
import type { Harness } from '../../support/harness';
import { sharedHarness } from '../../support/shared-harness';

let mir: Harness;
let paths: OpenApiDocument['paths'];
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  ({ paths } = (await readOpenApi(mir.client)).document);
});
afterAll(() => mir.close());

/** What an operation may answer, as `status code`. */
const documentedOf = ({ responses }: Operation): string[] =>
  Object.entries(responses).flatMap(([status, { content = {} }]) =>
    Object.keys(content['application/problem+json']?.examples ?? {}).map((code) => `${status} ${code}`),
  );

/** Problems that a key meets at the operations of partners and that the document does not name there. */
async function undocumented(key: string): Promise<string[]> {
  const found: string[] = [];
  let asked = 0;
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (!operation.security.some((one) => 'apiKey' in one)) continue;
      asked += 1;
      const body = operation.requestBody ? { body: {} } : {};
      const concrete = path.replaceAll(/\{\w+\}/g, 'x');
      const answer = await mir.client.request(method.toUpperCase(), concrete, { key, ...body });
      const problem = `${answer.status} ${answer.body.code}`;
      if (answer.status >= 400 && !documentedOf(operation).includes(problem))
        found.push(`${method} ${path} ${problem}`);
    }
  }
  expect(asked).toBeGreaterThan(25);
  return found;
}

async function agentKey(key: string, type: string, preset: string): Promise<string> {
  const agent = { name: 'Any', type, preset, allowedEventTypes: ['mir.transaction.*'] };
  const { status, body } = await mir.client.post('/v1/agents', key, agent);
  expect(status).toBe(201);
  return body.apiKey as string;
}

describe('callers in the OpenAPI document', () => {
  it('whatever a caller may not do is named by the document: partner, agents, downgraded, suspended', async () => {
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
