import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { buildOpenApi } from '../../../api/openapi/build-openapi';
import { NO_OPERATOR } from '../../../shared/config/operator';
import { createMetrics } from '../../../shared/metrics/metrics';
import { cli } from '../../support/cli';

const { version } = JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as { version: string };

describe('VERSION', () => {
  it('reports the same version in package.json, `mir --version`, the OpenAPI document and the metrics', async () => {
    expect(await cli({}, '--version')).toMatchObject({ code: 0, out: `${version}\n`, err: '' });
    const facts = { publicUrl: 'https://mir.example', operator: NO_OPERATOR, eventTypes: [] };
    expect(buildOpenApi({ partner: [], bare: [] }, facts)).toMatchObject({ info: { version } });
    for (const service of ['api', 'worker'] as const) {
      const info = await createMetrics(service).registry.getSingleMetricAsString('mir_build_info');
      expect(info).toContain(`mir_build_info{version="${version}",service="${service}"} 1`);
    }
  });
});
