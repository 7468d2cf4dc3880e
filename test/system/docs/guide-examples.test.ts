import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { transformSync } from '@swc/core';
import { parse } from 'node-html-parser';
import { Webhook } from 'standardwebhooks';
import { projectRoot } from '../../../shared/project';
import type { Harness, TestPartner } from '../../support/harness';
import { PASSWORD, startHarnessForPeople } from '../../support/people';
import { insertMember } from '../../support/staff';

const run = promisify(execFile);
const EXAMPLE_TIMEOUT_MS = 120_000;

let mir: Harness;
let html: string;
let folder: string;
beforeAll(async () => {
  mir = await startHarnessForPeople();
  html = await (await fetch(`${mir.url}/guide`)).text();
  folder = mkdtempSync(path.join(tmpdir(), 'mir-guide-'));
});
afterAll(async () => {
  await mir.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Returns the examples in one language, in page order and unchanged. */
function examplesOf(language: string): string[] {
  const blocks = parse(html, { blockTextElements: {} }).querySelectorAll(`pre[data-language="${language}"] code`);
  expect(blocks.length).toBeGreaterThan(8);
  return blocks.map((block) => block.textContent);
}

const programOf = (language: string): string => examplesOf(language).join('\n');

/** Strips the types from the source without changing anything else. */
function asJavaScript(source: string): string {
  return transformSync(source, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
    module: { type: 'es6' },
  }).code;
}

/** Runs a program with only PATH, HOME and the given environment variables. Returns its output. */
async function outputOf(file: string, args: string[], env: Record<string, string>): Promise<string> {
  const { stdout } = await run(file, args, {
    cwd: projectRoot(),
    env: { PATH: process.env['PATH']!, HOME: folder, ...env },
    timeout: EXAMPLE_TIMEOUT_MS,
  });
  return stdout;
}

/** Creates an administrator, and returns the variables with which the examples log in. */
async function newMemberEnv({ partnerId }: TestPartner): Promise<Record<string, string>> {
  const { email } = await insertMember(mir, partnerId, 'ADMINISTRATOR');
  return { MIR_EMAIL: email, MIR_PASSWORD: PASSWORD };
}

async function newPartnerEnv(): Promise<Record<string, string>> {
  const partner = await mir.partner({ allowedReturnOrigins: ['https://harbour.example'] });
  return { MIR_URL: mir.url, MIR_KEY: partner.testKey, ...(await newMemberEnv(partner)) };
}

/** Creates a webhook message with a signature like the one that workers add. */
function signedMessage(): { headers: Record<string, string>; body: string; secret: string } {
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  const [id, at, body] = ['msg_1', new Date(), JSON.stringify({ type: 'link.confirmed', data: { userRef: 'idn_1' } })];
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
  return { headers, body, secret };
}

const codesIn = (text: string): string[] => [...new Set([...text.matchAll(/\/errors\/(\w+)/g)].map((m) => m[1]!))];

/** Expects the output to include the results of all examples in one language. */
function expectExampleOutput(output: string, sameEvent: 'true' | 'True'): void {
  expect(output).toContain('tier 1, events: 1');
  expect(output).toContain('item 1, eventType: mir.review.writen is not in the catalog');
  expect(output).toContain(`same event: ${sameEvent}`);
  expect(output).toMatch(/enter [0-9A-Z]{4}-[0-9A-Z]{4} at http/);
  expect(output).toContain('not connected, open: CODE');
  expect(output).toMatch(/erased events: 1/);
  expect(output).toContain('received link.confirmed');
  expect(output).toContain('webhook.test: PENDING');
  expect(output).toMatch(/both secrets sign until 20\d\d-/);
  expect(output).toContain('forged: invalid signature');
  expect(output).toContain('DONE: 1 of 1 stored');
  expect(output).toContain('events of u-3: 1');
  expect(output).toContain('wieght: UNKNOWN_FIELD');
  expect(output).toContain('0 UNKNOWN_FIELD');
  expect(output).toMatch(/events stored: \d+/);
  expect(output).toMatch(/^signals \d+ \d+$/m);
  expect(output).toContain('members: 1');
  expect(output).toContain('the agent now gets 401');
  expect(output).toMatch(/active: [Ff]alse/);
  expect(output).toContain('revoked 2, audited 2');
}

describe('examples in the Partner Guide', () => {
  it(
    'runs the curl examples, from applying as a partner to killing an agent',
    async () => {
      // The examples include operator commands, which connect to the databases.
      const databases = {
        MONGO_URL: mir.env['MONGO_URL']!,
        REDIS_URL: mir.env['REDIS_URL']!,
        KEYSPACE: mir.env['KEYSPACE']!,
      };
      const member = await newMemberEnv(await mir.partner());
      const env = { ...databases, SUBJECT_PEPPER: mir.env['SUBJECT_PEPPER']!, ...member };
      const output = await outputOf('bash', ['-euo', 'pipefail', '-c', programOf('sh')], env);
      expect(output).toContain('"status":"PENDING"');
      expect(output).toContain('"eventCount":1');
      expect(output).toContain('"code":"UNKNOWN_EVENT_TYPE"');
      expect(output).toContain('"status":"DONE"');
      expect(output).toMatch(/"code":"UNKNOWN_FIELD","path":"".*"omitted":0/);
      expect(output).toMatch(/"events":\{"persisted":\d+/);
      expect(output).toMatch(/RateLimit: "requests";r=\d+/);
      expect(output).toMatch(/"url":"[^"]*\/link\/[\w-]{43}"/);
      expect(output).toMatch(/"linked":false.*"kind":"CODE"/);
      expect(output).toContain('"secret":"whsec_');
      expect(output).toMatch(/"memberId":"mem_\w+",.*"role":"ADMINISTRATOR"/);
      expect(output).toMatch(/"type":"webhook.test","status":"PENDING".*"recovery":\{"since":"2026-01-31/s);
      expect(output).toMatch(/"affected":2.*"status":"CLOSED"/s);
      expect(output).toContain('{"active":false}');
      expect(codesIn(output)).toEqual(['VALIDATION_FAILED']);
    },
    EXAMPLE_TIMEOUT_MS,
  );

  it(
    'compiles the TypeScript examples in strict mode and runs them',
    async () => {
      const source = path.join(folder, 'example.mts');
      writeFileSync(source, programOf('ts'));
      const strict = [
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--target',
        'es2023',
        '--lib',
        'es2023',
        '--module',
        'nodenext',
      ];
      const types = ['--types', 'node', '--typeRoots', path.join(projectRoot(), 'node_modules/@types')];
      const tsc = run(process.execPath, [
        path.join(projectRoot(), 'node_modules/typescript/bin/tsc'),
        ...strict,
        ...types,
        source,
      ]);
      const errors = await tsc.then(
        () => '',
        ({ stdout }: { stdout: string }) => stdout,
      );
      expect(errors).toBe('');
      const program = path.join(folder, 'example.mjs');
      const check = `
      const message = ${JSON.stringify(signedMessage())};
      console.log('received', parseMessage(new Headers(message.headers), message.body, message.secret).type);
      try { parseMessage(new Headers(message.headers), message.body.replace('idn', 'idx'), message.secret); }
      catch (error) { console.log('forged:', error.message); }`;
      writeFileSync(program, asJavaScript(programOf('ts')) + check);
      expectExampleOutput(await outputOf(process.execPath, [program], await newPartnerEnv()), 'true');
    },
    EXAMPLE_TIMEOUT_MS,
  );

  it(
    'runs the Python examples with only the standard library',
    async () => {
      const program = path.join(folder, 'example.py');
      const check = `
message = json.loads(r'''${JSON.stringify(signedMessage())}''')
print("received", parse_message(message["headers"], message["body"].encode(), message["secret"])["type"])
try:
    parse_message(message["headers"], message["body"].replace("idn", "idx").encode(), message["secret"])
except ValueError as error:
    print("forged:", error)
`;
      writeFileSync(program, programOf('python') + check);
      expectExampleOutput(await outputOf('python3', [program], await newPartnerEnv()), 'True');
    },
    EXAMPLE_TIMEOUT_MS,
  );

  /**
   * Starts a server that accepts events as MIR does, but drops the second connection and returns a proxy's HTML error
   * page for the fourth request.
   */
  async function startUnreliableServer(): Promise<{ url: string; calls: () => number; close: () => void }> {
    let calls = 0;
    const server = createServer((req, res) => {
      calls += 1;
      const [status, body] = calls === 4 ? [502, '<h1>Bad gateway</h1>'] : [202, '{"eventId":"evt_1"}'];
      if (calls === 2) req.socket.destroy();
      else res.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, calls: () => calls, close: () => void server.close() };
  }

  it.each([
    ['TypeScript', 'ts', process.execPath, 'retry.mjs', 'true'],
    ['Python', 'python', 'python3', 'retry.py', 'True'],
  ])(
    "retries in the %s example after a dropped connection and after a proxy's error page",
    async (_name, language, runner, file, sameEvent) => {
      const examples = examplesOf(language);
      const retryExample = examples.find((example) => /submitWithRetry|submit_with_retry/.test(example))!;
      const source = `${examples[0]}\n${retryExample}`;
      const program = path.join(folder, file);
      writeFileSync(program, language === 'ts' ? asJavaScript(source) : source);
      const server = await startUnreliableServer();
      const output = await outputOf(runner, [program], { MIR_URL: server.url, MIR_KEY: 'any' });
      server.close();
      expect(output).toContain(`same event: ${sameEvent}`);
      expect(server.calls()).toBe(5);
    },
    EXAMPLE_TIMEOUT_MS,
  );
});
