import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../support/harness';
import { readOpenApi } from '../../support/openapi';
import { sharedHarness } from '../../support/shared-harness';

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
  // Redocly's recommended rules, including warnings.
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  return problems.map(({ severity, ruleId, message }) => `${severity} ${ruleId}: ${message}`);
}

describe('Redocly linter', () => {
  it('does not report any problems in the OpenAPI document', async () => {
    expect(await problemsOf(text)).toEqual([]);
  });

  it('reports a problem in an invalid document', async () => {
    const unsecured = text.replaceAll('"security":[{"apiKey":[]},{"bearer":[]}],', '');
    expect(await problemsOf(unsecured)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^error security-defined/)]),
    );
  });
});
