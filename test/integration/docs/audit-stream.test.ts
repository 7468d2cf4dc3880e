import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'node-html-parser';
import { tenantOf } from '../../../shared/domain/ids';
import { projectRoot } from '../../../shared/project';
import { appendEntries, sealAll } from '../../support/audit-entries';
import { readAuditStream } from '../../support/audit-stream';
import type { Harness, TestPartner } from '../../support/harness';
import { sharedHarness } from '../../support/shared-harness';

const run = promisify(execFile);
/** Entries of a default response, and two more. */
const ENTRIES = 102;

let mir: Harness;
let folder: string;
let source: string;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  folder = mkdtempSync(path.join(tmpdir(), 'mir-guide-'));
  symlinkSync(path.join(projectRoot(), 'node_modules'), path.join(folder, 'node_modules'));
  const guide = parse(await (await fetch(`${mir.url}/guide`)).text(), { blockTextElements: {} });
  const sources = guide.querySelectorAll('pre[data-language="js"] code').map(({ textContent }) => textContent);
  source = sources.find((text) => text.includes('verifyLine'))!;
  partner = await mir.partner();
  const chain = tenantOf(partner.partnerId, 'live');
  await appendEntries(mir.ctx.store, chain, ENTRIES);
  await sealAll(mir.ctx.store, chain);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await mir.close();
});

/** Runs the guide's example, followed by these statements. Returns what they print, in lines. */
async function printedBy(name: string, statements: string): Promise<string[]> {
  const file = path.join(folder, `${name}.mjs`);
  writeFileSync(file, `${source}\n${statements}`);
  const env = { PATH: process.env['PATH']!, MIR_URL: mir.url, MIR_KEY: partner.liveKey };
  const { stdout } = await run(process.execPath, [file], { env, cwd: folder });
  return stdout.trim().split('\n');
}

describe('the example that follows the audit stream', () => {
  it('reads on from the cursor, and verifies and stores every line', async () => {
    const printed = await printedBy(
      'follow',
      `const stored = [];
       const store = async (line) => void stored.push(line.entry?.seq ?? 'head');
       const cursor = await readStream(undefined, store);
       await readStream(cursor, store);
       console.log(stored.join(' '));`,
    );
    const seqs = Array.from({ length: ENTRIES }, (_, n) => String(n + 1));
    expect(printed).toEqual([seqs.toSpliced(100, 0, 'head').join(' ')]);
  });

  it('rejects changed, removed and forged lines, and accepts repeated ones', async () => {
    const { lines } = await readAuditStream(mir.url, partner.liveKey, '?limit=4&waitSeconds=0');
    const [first, second, third, fourth, head] = lines as [unknown, unknown, unknown, unknown, (typeof lines)[number]];
    const changed = { ...(second as object), entry: { ...lines[1]!.entry, reason: 'another' } };
    const token = await mir.ctx.signer.sign(JSON.stringify(head.head), 'secevent+jwt');
    const streams = [
      [first, second, second, first, third, fourth, head, head],
      [first, changed],
      [first, third],
      [first, second, third, head],
      [first, second, third, fourth, { ...head, head: { ...head.head, signedAt: '2020-01-01T00:00:00.000Z' } }],
      [first, second, third, fourth, { ...head, signature: token }],
    ];
    const printed = await printedBy(
      'verify',
      `for (const stream of ${JSON.stringify(streams)}) {
         last = { seq: 0, hash: '0'.repeat(64) };
         let result = 'valid';
         for (const line of stream) await verifyLine(line).catch(({ message }) => { result = message; });
         console.log(result);
       }`,
    );
    expect(printed).toEqual([
      'valid',
      'entry 2 was changed',
      'entry 2 was changed',
      'the head at entry 4 was changed',
      'the head at entry 4 was changed',
      'the head at entry 4 was changed',
    ]);
  });
});
