import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness } from '../../../support/harness';
import { MIR_PROGRAM } from '../../../support/mir-process';
import { confirmedAccount } from '../../../support/people';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ workers: false });
});
afterAll(() => h.close());

/** Runs the compiled program with this text on stdin. */
function mir(input: string | Buffer, ...args: string[]) {
  const env = { PATH: process.env['PATH'], ...h.env, USER: 'bea' };
  return spawnSync(process.execPath, [MIR_PROGRAM, ...args], { env, input, encoding: 'utf8' });
}

describe('the stdin of `mir`', () => {
  it('contains the email address to look up', async () => {
    await confirmedAccount(h, 'stdin@example.org');
    const { status, stdout, stderr } = mir('stdin@example.org\n', 'people', 'find', '--reason', 'ticket', '--json');
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ exists: true, confirmed: true });
  });

  it('is limited to 64 KiB', () => {
    const { status, stdout, stderr } = mir(Buffer.alloc(70_000, 'x'), 'people', 'find', '--reason', 'ticket');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toBe('FAILED: standard input is longer than 65536 bytes\n');
  });
});
