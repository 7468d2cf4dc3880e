import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';
import { findOnPath } from '../../deploy/local/paths';

const PROGRAMS = ['prometheus', 'promtool'];
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

const missing = PROGRAMS.filter((program) => findOnPath(program, process.env) === null);
const skipped = missing.length > 0 && process.env['CI'] !== 'true';
if (skipped) {
  process.stderr.write(`Skipped: ${missing.join(' and ')} not on PATH (Debian: apt-get install prometheus).\n`);
}

/** Tests that need Prometheus's own programs: skipped, with one line, where they are not; in CI they must be there. */
export const describeWithPrometheus = skipped ? describe.skip : describe;

/** Runs promtool; answers its exit code and all that it printed. */
export async function promtool(args: string[], cwd: string): Promise<{ code: number; output: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)('promtool', args, { cwd, maxBuffer: MAX_OUTPUT_BYTES });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code: number; stdout?: string; stderr?: string };
    return { code, output: stdout + stderr + String(error) };
  }
}
