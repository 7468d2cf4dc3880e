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
import type { Harness } from '../../support/harness';
import { startHarnessForPeople } from '../../support/people';

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

/** The examples of one language, in the order of the page, exactly as they stand there. */
function examplesOf(language: string): string[] {
  const blocks = parse(html, { blockTextElements: {} }).querySelectorAll(`pre[data-language="${language}"] code`);
  expect(blocks.length).toBeGreaterThan(8);
  return blocks.map((block) => block.textContent);
}

const programOf = (language: string): string => examplesOf(language).join('\n');

/** Types are taken away, nothing else is changed. */
function asJavaScript(source: string): string {
  return transformSync(source, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
    module: { type: 'es6' },
  }).code;
}

/** Runs a program with no other variables than these; answers what it printed. */
async function transcript(file: string, args: string[], env: Record<string, string>): Promise<string> {
  const { stdout } = await run(file, args, {
    cwd: projectRoot(),
    env: { PATH: process.env['PATH']!, HOME: folder, ...env },
    timeout: EXAMPLE_TIMEOUT_MS,
  });
  return stdout;
}

async function ownKey(): Promise<Record<string, string>> {
  const partner = await mir.partner({ allowedReturnOrigins: ['https://harbour.example'] });
  return { MIR_URL: mir.url, MIR_KEY: partner.testKey };
}

/** A message as workers sign them, with its secret. */
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

describe('examples of the Partner Guide', () => {
  it(
    'the curl examples lead from an application, approved by the command line, to the killed agent',
    async () => {
      // What the operator runs needs to find the stores; nothing else is added.
      const stores = {
        MONGO_URL: mir.env['MONGO_URL']!,
        REDIS_URL: mir.env['REDIS_URL']!,
        KEYSPACE: mir.env['KEYSPACE']!,
      };
      const operator = { ...stores, SUBJECT_PEPPER: mir.env['SUBJECT_PEPPER']! };
      const said = await transcript('bash', ['-euo', 'pipefail', '-c', programOf('sh')], operator);
      expect(said).toContain('"status":"PENDING"');
      expect(said).toContain('"eventCount":1');
      expect(said).toContain('"code":"UNKNOWN_EVENT_TYPE"');
      expect(said).toContain('"status":"DONE"');
      expect(said).toMatch(/RateLimit: "requests";r=\d+/);
      expect(said).toMatch(/"url":"[^"]*\/link\/[\w-]{43}"/);
      expect(said).toMatch(/"linked":false.*"kind":"CODE"/);
      expect(said).toContain('"secret":"whsec_');
      expect(said).toMatch(/"affected":2.*"status":"CLOSED"/s);
      expect(codesIn(said)).toEqual(['VALIDATION_FAILED']);
    },
    EXAMPLE_TIMEOUT_MS,
  );

  it(
    'the TypeScript examples are valid under strict rules and do what they say',
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
      const complaints = await tsc.then(
        () => '',
        ({ stdout }: { stdout: string }) => stdout,
      );
      expect(complaints).toBe('');
      const program = path.join(folder, 'example.mjs');
      const told = signedMessage();
      const check = `
      const told = ${JSON.stringify(told)};
      console.log('told of', parseMessage(new Headers(told.headers), told.body, told.secret).type);
      try { parseMessage(new Headers(told.headers), told.body.replace('idn', 'idx'), told.secret); }
      catch (error) { console.log('forged:', error.message); }`;
      writeFileSync(program, asJavaScript(programOf('ts')) + check);
      const said = await transcript(process.execPath, [program], await ownKey());
      expect(said).toContain('tier 1, events: 1');
      expect(said).toContain('item 1, eventType: mir.review.writen is not in the catalog');
      expect(said).toContain('same event: true');
      expect(said).toMatch(/enter [0-9A-Z]{4}-[0-9A-Z]{4} at http/);
      expect(said).toContain('not connected, open: CODE');
      expect(said).toMatch(/erased events: 1/);
      expect(said).toContain('told of link.confirmed');
      expect(said).toContain('forged: invalid signature');
      expect(said).toContain('DONE: 1 of 1 stored');
      expect(said).toContain('events of u-3: 1');
      expect(said).toContain('wieght: UNKNOWN_FIELD');
      expect(said).toContain('the agent now gets 401');
      expect(said).toContain('revoked 2, audited 2');
    },
    EXAMPLE_TIMEOUT_MS,
  );

  it(
    'the Python examples run with the standard library alone and do what they say',
    async () => {
      const program = path.join(folder, 'example.py');
      const told = signedMessage();
      const check = `
told = json.loads(r'''${JSON.stringify(told)}''')
print("told of", parse_message(told["headers"], told["body"].encode(), told["secret"])["type"])
try:
    parse_message(told["headers"], told["body"].replace("idn", "idx").encode(), told["secret"])
except ValueError as error:
    print("forged:", error)
`;
      writeFileSync(program, programOf('python') + check);
      const said = await transcript('python3', [program], await ownKey());
      expect(said).toContain('tier 1, events: 1');
      expect(said).toContain('item 1, eventType: mir.review.writen is not in the catalog');
      expect(said).toContain('same event: True');
      expect(said).toMatch(/enter [0-9A-Z]{4}-[0-9A-Z]{4} at http/);
      expect(said).toContain('not connected, open: CODE');
      expect(said).toMatch(/erased events: 1/);
      expect(said).toContain('told of link.confirmed');
      expect(said).toContain('forged: invalid signature');
      expect(said).toContain('DONE: 1 of 1 stored');
      expect(said).toContain('events of u-3: 1');
      expect(said).toContain('wieght: UNKNOWN_FIELD');
      expect(said).toContain('the agent now gets 401');
      expect(said).toContain('revoked 2, audited 2');
    },
    EXAMPLE_TIMEOUT_MS,
  );

  /**
   * Takes an event like MIR, but breaks the second connection before its answer, and has the fourth call answered by
   * something in between that knows no JSON.
   */
  async function unreliable(): Promise<{ url: string; calls: () => number; close: () => void }> {
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
    ['TypeScript', 'ts', process.execPath, 'repeats.mjs', 'true'],
    ['Python', 'python', 'python3', 'repeats.py', 'True'],
  ])(
    'the repeats in %s go on when a connection breaks or a proxy answers in place of MIR',
    async (_name, language, runner, file, yes) => {
      const examples = examplesOf(language);
      const repeats = examples.find((example) => /submitWithRetry|submit_with_retry/.test(example))!;
      const source = `${examples[0]}\n${repeats}`;
      const program = path.join(folder, file);
      writeFileSync(program, language === 'ts' ? asJavaScript(source) : source);
      const between = await unreliable();
      const said = await transcript(runner, [program], { MIR_URL: between.url, MIR_KEY: 'any' });
      between.close();
      expect(said).toContain(`same event: ${yes}`);
      expect(between.calls()).toBe(5);
    },
    EXAMPLE_TIMEOUT_MS,
  );
});
