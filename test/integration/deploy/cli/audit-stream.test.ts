import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { appendEntries, sealAll, sealedEntries } from '../../../support/audit-entries';
import { readAuditStream } from '../../../support/audit-stream';
import { cli, cliReading, type CliResult } from '../../../support/cli';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';

const ENTRIES = 5;

let h: Harness;
let folder: string;
let jwks: string;
/** The stream of a chain with five entries: their lines, and a head. */
let lines: string[];
let chain: string;
let headHash: string;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  folder = mkdtempSync(path.join(tmpdir(), 'mir-audit-stream-'));
  jwks = `${h.url}/.well-known/jwks.json`;
  const { liveKey, partnerId } = await h.partner();
  const tenant = tenantOf(partnerId, 'live');
  await appendEntries(h.ctx.store, tenant, ENTRIES);
  await sealAll(h.ctx.store, tenant);
  lines = (await readAuditStream(h.url, liveKey)).text.split('\n').slice(0, -1);
  chain = tenant;
  headHash = (await sealedEntries(h.ctx.store, tenant)).at(-1)!.hash!;
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await h.close();
});

function fileWith(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

const saved = (all = lines): string => `${all.join('\n')}\n`;
/** The environment names no database, because the command must not need one. */
const verify = (text: string, ...args: string[]): Promise<CliResult> =>
  cliReading(text, {}, 'audit', 'verify', '--from-stream', '-', '--jwks', jwks, ...args);

describe('mir audit verify --from-stream', () => {
  it('verifies a saved stream from a file, with keys from a URL or a file, without a database', async () => {
    const stream = fileWith('stream.ndjson', saved());
    const keys = fileWith('jwks.json', await (await fetch(jwks)).text());
    for (const source of [jwks, keys]) {
      const result = await cli({}, 'audit', 'verify', '--from-stream', stream, '--jwks', source, '--json');
      expect({ ...result, out: '' }).toMatchObject({ code: 0, err: '' });
      expect(result.json()).toMatchObject({
        intact: true,
        chain,
        entries: ENTRIES,
        repeated: 0,
        through: { seq: ENTRIES, hash: headHash },
        head: { seq: ENTRIES },
      });
    }
  });

  it('reads standard input by default, and prints how far the stream is intact and signed', async () => {
    const { code, out } = await cliReading(saved(), {}, 'audit', 'verify', '--jwks', jwks, '--from-stream');
    expect(code).toBe(0);
    expect(out).toMatch(/^Intact\.\n/);
    expect(out).toContain(`${ENTRIES}:${headHash}`);
    expect(out).toMatch(/signed through\s*│ 5 /);
  });

  it('continues after an entry that was verified before', async () => {
    const { hash } = (JSON.parse(lines[2]!) as { entry: { hash: string } }).entry;
    const rest = await verify(saved(lines.slice(3)), '--after', `3:${hash}`, '--json');
    expect(rest.json()).toMatchObject({ intact: true, entries: 2, through: { seq: ENTRIES } });
    expect((await verify(saved(lines.slice(3)), '--after', `3:${headHash}`)).code).toBe(1);
  });

  it.each<[string, () => string, number, string, string]>([
    [
      'a changed entry',
      () => saved().replace('SUSPENDED', 'SPARED'),
      1,
      'ENTRY_CHANGED',
      'Broken at line 1, entry 1 (',
    ],
    ['a removed entry', () => saved(lines.toSpliced(1, 1)), 2, 'ENTRY_MISSING', 'Broken at line 2, entry 2:'],
    [
      'a forged head',
      () => saved().replace(/"signature":"([^.]+)\.[^"]+"/, '"signature":"$1.e30.AAAA"'),
      6,
      'SIGNATURE_INVALID',
      'none of the keys signed this head',
    ],
    ['a head that was left out', () => saved(lines.slice(0, -1)), 6, 'HEAD_MISSING', 'Broken at line 6: HEAD_MISSING'],
    ['a stream that was cut off', () => saved().slice(0, -20), 6, 'LINE_TRUNCATED', 'Broken at line 6: LINE_TRUNCATED'],
  ])('exits with code 1 for %s', async (_what, text, line, reason, printed) => {
    const json = await verify(text(), '--json');
    expect({ code: json.code, result: json.json() }).toMatchObject({
      code: 1,
      result: { intact: false, firstBroken: { line, reason } },
    });
    const { code, out, err } = await verify(text());
    expect({ code, err }).toEqual({ code: 1, err: 'FAILED: the audit stream is broken\n' });
    expect(out).toContain(printed);
  });

  it('rejects a head that another kind of signature was put on', async () => {
    const { head, ...line } = JSON.parse(lines.at(-1)!) as { head: Record<string, unknown> };
    const signature = await h.ctx.signer.sign(JSON.stringify(head), 'secevent+jwt');
    const text = saved([...lines.slice(0, -1), JSON.stringify({ ...line, head, signature })]);
    expect((await verify(text, '--json')).json()).toMatchObject({ firstBroken: { reason: 'SIGNATURE_INVALID' } });
  });

  it.each<[string, string[], number, RegExp]>([
    ['with its options only', ['--jwks', 'keys', '--registry'], 2, /only be used with --from-stream/],
    ['without keys', ['--from-stream', '-'], 2, /--jwks/],
    ['with a partner', ['--from-stream', '-', '--partner', 'prt_1'], 2, /cannot be used/],
    ['with an invalid position', ['--from-stream', '-', '--after', '3'], 2, /<seq>:<hash>/],
    [
      'with a missing file',
      ['--from-stream', '/none/stream', '--jwks', '/none/keys'],
      1,
      /could not read the keys from/,
    ],
  ])('is rejected %s', async (_what, args, code, why) => {
    const result = await cli({}, 'audit', 'verify', ...args);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.err).toMatch(why);
  });

  it('reports keys that cannot be read, and a file that does not exist', async () => {
    for (const [source, why] of [
      [`${h.url}/healthz`, 'it is not a JSON Web Key Set with Ed25519 keys'],
      [`${h.url}/none`, 'the server responded with 404'],
    ]) {
      const args = ['audit', 'verify', '--from-stream', '-', '--jwks', source!];
      expect((await cliReading(saved(), {}, ...args)).err).toContain(why);
    }
    const missing = ['audit', 'verify', '--from-stream', path.join(folder, 'none'), '--jwks', jwks];
    expect(await cli({}, ...missing)).toMatchObject({ code: 1, err: expect.stringContaining('ENOENT') });
  });
});
