import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'node-html-parser';
import type { KillReport } from '../../../api/agents/kill-report';
import { projectRoot } from '../../../shared/project';
import type { Harness } from '../../support/harness';
import { insertAgent } from '../../support/insert-agent';
import { sharedHarness } from '../../support/shared-harness';
import { waitUntil } from '../../support/wait-until';

const run = promisify(execFile);
const MAX_LINES = 15;

let mir: Harness;
let folder: string;
beforeAll(async () => {
  mir = await sharedHarness();
  folder = mkdtempSync(path.join(tmpdir(), 'mir-guide-'));
  symlinkSync(path.join(projectRoot(), 'node_modules'), path.join(folder, 'node_modules'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await mir.close();
});

async function signedReport(): Promise<KillReport> {
  const partner = await mir.partner();
  const { agentId } = await insertAgent(mir.ctx.store, partner);
  const path = `/v1/agents/${agentId}/revoke-descendants`;
  const { cascadeId } = (await mir.client.post(path, partner.liveKey, { reason: 'drill' })).body;
  const read = async () => (await mir.client.get(`/v1/cascades/${cascadeId}`, partner.liveKey)).body as KillReport;
  await waitUntil('the report is signed', async () => (await read()).signature !== null);
  return read();
}

describe('the example that verifies a kill report', () => {
  it('accepts a report, and rejects a changed one and another signed text', async () => {
    const guide = parse(await (await fetch(`${mir.url}/guide`)).text(), { blockTextElements: {} });
    const sources = guide.querySelectorAll('pre[data-language="js"] code').map(({ textContent }) => textContent);
    const source = sources.find((text) => text.includes('verifyReport'))!;
    expect(source.trim().split('\n').length).toBeLessThanOrEqual(MAX_LINES);
    const report = await signedReport();
    const { signature: _signature, ...facts } = report;
    const token = await mir.ctx.signer.sign(JSON.stringify(facts), 'secevent+jwt');
    const reports = [report, { ...report, reason: 'another' }, { ...report, signature: token }];
    const program = `${source}
      for (const report of ${JSON.stringify(reports)}) {
        await verifyReport(report).then(() => console.log('valid'), ({ message }) => console.log('invalid', message.split('\\n')[0]));
      }`;
    const file = path.join(folder, 'verify.mjs');
    writeFileSync(file, program);
    const env = { PATH: process.env['PATH']!, MIR_URL: mir.url };
    const { stdout } = await run(process.execPath, [file], { env, cwd: folder });
    expect(stdout.trim().split('\n')).toEqual([
      'valid',
      expect.stringMatching(/^invalid Expected values to be strictly deep-equal/),
      'invalid this is not a kill report',
    ]);
  });
});
