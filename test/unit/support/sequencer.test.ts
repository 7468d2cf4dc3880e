import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../shared/project';

// oxlint-disable-next-line typescript/no-require-imports -- Jest loads the sequencer as CommonJS
const { LONGEST } = require('../../support/sequencer.js') as { LONGEST: readonly string[] };

describe('the order of suites', () => {
  it('orders only suites that exist', () => {
    const missing = LONGEST.filter((suite) => !existsSync(join(projectRoot(), 'test', suite, 'suite.js')));
    expect(missing).toEqual([]);
  });
});
