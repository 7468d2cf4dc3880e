import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../support/harness';
import { readOpenApi } from '../../support/openapi';
import { sharedHarness } from '../../support/shared-harness';

/**
 * Redocly's recommended rules, including warnings. `no-ambiguous-paths` is off: `/v1/agents/cascades/{id}` and
 * `/v1/agents/{id}/lineage` would both match an agent named `cascades`, but agent IDs start with `agt_`.
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
  // Tests are CommonJS modules, which cannot require this ES module.
  const { createConfig, lintFromString } = await import('@redocly/openapi-core');
  const config = await createConfig({ ...CONFIG, extends: [...CONFIG.extends] });
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  return problems.map(({ severity, ruleId, message }) => `${severity} ${ruleId}: ${message}`);
}

describe('Redocly linter', () => {
  it('does not report any problems in the OpenAPI document', async () => {
    expect(await problemsOf(text)).toEqual([]);
  });

  it('reports a problem in an invalid document', async () => {
    const unsecured = text.replaceAll('"security":[{"apiKey":[]}],', '');
    expect(await problemsOf(unsecured)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^error security-defined/)]),
    );
  });
});
