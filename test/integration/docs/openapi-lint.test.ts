import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../support/harness';
import { readOpenApi } from '../../support/openapi';
import { sharedHarness } from '../../support/shared-harness';

/**
 * Redocly’s recommended rules, warnings included. One is off: `/v1/agents/cascades/{id}` and `/v1/agents/{id}/lineage`
 * would both match an agent named `cascades`, but ids of agents begin with `agt_`.
 */
const CONFIG = { extends: ['recommended'], rules: { 'no-ambiguous-paths': 'off' } } as const;

let mir: Harness;
let text: string;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  ({ text } = await readOpenApi(mir.client));
});
afterAll(() => mir.close());

async function problemsOf(source: string): Promise<string[]> {
  // An ES module, which tests (CommonJS) cannot require.
  const { createConfig, lintFromString } = await import('@redocly/openapi-core');
  const config = await createConfig({ ...CONFIG, extends: [...CONFIG.extends] });
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  return problems.map(({ severity, ruleId, message }) => `${severity} ${ruleId}: ${message}`);
}

describe('Redocly’s linter', () => {
  it('reports nothing about the OpenAPI document', async () => {
    expect(await problemsOf(text)).toEqual([]);
  });

  it('reports what is wrong with a document', async () => {
    const unsecured = text.replaceAll('"security":[{"apiKey":[]}],', '');
    expect(await problemsOf(unsecured)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^error security-defined/)]),
    );
  });
});
