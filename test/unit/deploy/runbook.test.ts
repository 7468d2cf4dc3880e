import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createMetrics } from '../../../shared/metrics/metrics';
import { SETTINGS } from '../../../shared/config/settings';
import { cli } from '../../support/cli';

const runbook = readFileSync(join(__dirname, '../../../deploy/docs/runbook.md'), 'utf8');
/** The inline code. `test/integration/deploy/cli/runbook.test.ts` runs the blocks. */
const quoted = [...runbook.replaceAll(/^```sh\n[^]*?^```$/gm, '').matchAll(/`([^`]+)`/g)].map(([, text]) => text!);

/** Problem codes, which look like setting names. */
const NO_SETTINGS = new Set(['STORE_UNAVAILABLE']);

describe('runbook.md', () => {
  const commands = quoted.flatMap((text) => /^mir (.+)$/.exec(text)?.[1] ?? []);

  it.each([...new Set(commands)])('contains the valid command `mir %s`', async (line) => {
    // No stores are configured, so even a valid command fails, but only because the program cannot find its stores or
    // its input.
    const { code, out, err } = await cli({ DATA_DIR: '/nonexistent' }, ...line.split(' '));
    expect({ code, text: err + out }).toEqual({
      code: 1,
      text: expect.stringMatching(/Cannot find MIR's stores|could not read the keys/),
    });
  });

  it('contains more than five commands', () => {
    expect(commands.length).toBeGreaterThan(5);
  });

  it('mentions only settings and metrics that exist', () => {
    const all = [createMetrics('api'), createMetrics('worker')];
    const series = quoted.filter((text) => text.startsWith('mir_'));
    expect(series.length).toBeGreaterThan(0);
    expect(series.filter((name) => !all.some(({ registry }) => registry.getSingleMetric(name)))).toEqual([]);
    const settings = quoted.filter((text) => /^[A-Z]+(_[A-Z]+)+$/.test(text) && !NO_SETTINGS.has(text));
    expect(settings.length).toBeGreaterThan(3);
    expect(settings.filter((name) => !(name in SETTINGS))).toEqual([]);
  });
});
