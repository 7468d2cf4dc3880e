import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../shared/project';

const TIMEOUT_MS = 240_000;
/** Worker killed, MongoDB killed, poison payloads. They leave no open markers, for which a checkpoint waits a minute. */
const QUICK_FAULTS = '3,7,26';

describe('npm run test:faults', () => {
  it(
    'runs three faults under traffic, recovers from each, and finds nothing lost',
    async () => {
      const json = join(mkdtempSync(join(tmpdir(), 'mir-faults-test-')), 'result.json');
      const program = join(projectRoot(), 'dist/test/faults/main.js');
      const options = ['--seed', '11', '--only', QUICK_FAULTS, '--faults', '3', '--rate', '200', '--json', json];
      const { MONGO_URL: _mongo, REDIS_URL: _redis, ...env } = process.env;
      const { stdout } = await promisify(execFile)(process.execPath, [program, ...options], {
        env: { ...env, NODE_OPTIONS: '' },
      }).catch((error: { stdout: string; stderr: string }) => error);
      expect(stdout).toMatch(/seed 11.*[^]*no violations\n$/);
      const { faults, totals, violations } = JSON.parse(readFileSync(json, 'utf8'));
      expect(violations).toEqual([]);
      expect(new Set(faults.map(({ number }: { number: number }) => number))).toEqual(new Set([3, 7, 26]));
      expect(totals.acknowledged).toBeGreaterThan(500);
      expect(totals.receipts).toBeGreaterThan(20);
      expect(totals.checkpoints).toBe(1);
    },
    TIMEOUT_MS,
  );
});
