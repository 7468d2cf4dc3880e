import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'node-html-parser';
import { freePort } from '../../../deploy/local/ports';
import { projectRoot } from '../../../shared/project';
import { type Harness, startHarness, type TestPartner } from '../../support/harness';
import { insertAgent, type TestAgent } from '../../support/insert-agent';
import { nginxMissing, startNginx } from '../../support/nginx';
import { waitUntil } from '../../support/wait-until';

/** In CI, a missing nginx fails the test. */
const missing = process.env['CI'] === 'true' ? null : nginxMissing();
if (missing) process.stderr.write(`skipping the nginx example: ${missing}\n`);

let mir: Harness;
let partner: TestPartner;
let gatewayKey: string;
let html: string;
let folder: string;
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  mir = await startHarness({ workers: false });
  partner = await mir.partner();
  const key = { name: 'Gateway', scopes: ['agents:introspect'] };
  gatewayKey = (await mir.client.post('/v1/keys', partner.liveKey, key)).body.apiKey;
  html = await (await fetch(`${mir.url}/guide`)).text();
  folder = mkdtempSync(path.join(tmpdir(), 'mir-protect-'));
});
afterAll(async () => {
  for (const end of ends) await end();
  await mir.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Returns the example in a language that contains a part. */
function exampleOf(language: string, part: string): string {
  const blocks = parse(html, { blockTextElements: {} }).querySelectorAll(`pre[data-language="${language}"] code`);
  const found = blocks.map(({ textContent }) => textContent).filter((text) => text.includes(part));
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** Replaces a text that the example must contain. */
function replaced(text: string, part: string, by: string): string {
  expect(text).toContain(part);
  return text.replace(part, by);
}

const statusOf = async (port: number, authorization?: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${port}/orders`, authorization ? { headers: { authorization } } : {})).status;

const newAgent = (): Promise<TestAgent> => insertAgent(mir.ctx.store, partner);
const kill = async ({ agentId }: TestAgent): Promise<void> => {
  const { status } = await mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, partner.liveKey, {});
  expect(status).toBe(202);
};

describe('the examples that protect services', () => {
  (missing ? it.skip : it)('reject with nginx what MIR does not know, and a killed agent at once', async () => {
    const service = createServer((_req, res) => void res.end('{}'));
    await new Promise<void>((resolve) => void service.listen(0, '127.0.0.1', resolve));
    ends.push(async () => void service.close());
    const [port, servicePort] = [await freePort(), (service.address() as AddressInfo).port];
    const configOf = (mirUrl: string, listen: number) => (files: string) =>
      [
        ['listen 8080;', `listen 127.0.0.1:${listen};`],
        ['127.0.0.1:9000', `127.0.0.1:${servicePort}`],
        [mir.ctx.config.publicUrl, mirUrl],
        ['/etc/nginx/', `${files}/`],
      ].reduce((text, [part, by]) => replaced(text, part!, by!), exampleOf('nginx', 'auth_request'));
    const keyFile = { 'mir-key.conf': `proxy_set_header x-api-key "${gatewayKey}";\n` };
    const nginx = await startNginx(port, configOf(mir.url, port), keyFile);
    ends.push(() => nginx.stop());
    const agent = await newAgent();
    expect(await statusOf(port, `Bearer ${agent.apiKey}`)).toBe(200);
    expect(await statusOf(port)).toBe(403);
    expect(await statusOf(port, 'Bearer none')).toBe(403);
    expect(await statusOf(port, `Bearer ${agent.apiKey}&x=1`)).toBe(403);
    expect(await statusOf(port, `Bearer ${partner.liveKey}`)).toBe(403);
    await kill(agent);
    expect(await statusOf(port, `Bearer ${agent.apiKey}`)).toBe(403);
    const awayPort = await freePort();
    const away = await startNginx(awayPort, configOf(`http://127.0.0.1:${await freePort()}`, awayPort), keyFile);
    ends.push(() => away.stop());
    expect(await statusOf(awayPort, `Bearer ${(await newAgent()).apiKey}`)).toBe(500);
  });

  it('reject with Express what MIR does not know, what an agent may not do, and a killed agent at once', async () => {
    // The program resolves `express` from its own folder.
    symlinkSync(path.join(projectRoot(), 'node_modules'), path.join(folder, 'node_modules'));
    const program = path.join(folder, 'service.mjs');
    writeFileSync(program, exampleOf('js', 'requireAgent'));
    const start = async (mirUrl: string): Promise<number> => {
      const port = await freePort();
      const env = { PATH: process.env['PATH'], MIR_URL: mirUrl, MIR_KEY: gatewayKey, PORT: String(port) };
      const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'ignore', 'inherit'] });
      const exited = once(child, 'exit');
      ends.push(async () => {
        child.kill('SIGTERM');
        await exited;
      });
      const isUp = (): Promise<boolean> =>
        statusOf(port).then(
          () => true,
          () => false,
        );
      await waitUntil('the service responds', isUp);
      return port;
    };
    const port = await start(mir.url);
    const agent = await newAgent();
    const reader = await insertAgent(mir.ctx.store, partner, { preset: 'READ_ONLY' });
    expect(await statusOf(port, `Bearer ${agent.apiKey}`)).toBe(200);
    expect(await statusOf(port, `Bearer ${reader.apiKey}`)).toBe(403);
    expect(await statusOf(port)).toBe(401);
    expect(await statusOf(port, 'Bearer none')).toBe(401);
    await kill(agent);
    expect(await statusOf(port, `Bearer ${agent.apiKey}`)).toBe(401);
    const away = await start(`http://127.0.0.1:${await freePort()}`);
    expect(await statusOf(away, `Bearer ${reader.apiKey}`)).toBe(503);
  });
});
