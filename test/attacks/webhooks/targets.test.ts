import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../shared/project';

const run = promisify(execFile);
const PROGRAM = path.join(projectRoot(), 'dist/test/attacks/webhooks/post-with-dns.js');
/** An address that counts as public but that nobody routes to. */
const PUBLIC = '4000::1';

let server: Server;
let port: number;
let connections = 0;
beforeAll(async () => {
  server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.close();
});
beforeEach(() => {
  connections = 0;
});

/** Delivers a webhook to a host name that resolves to these addresses, one list per lookup. */
async function deliver(...answers: string[][]): Promise<{ error?: string; status?: number; lookups: number }> {
  const url = `https://hooks.example:${port}/x`;
  const { stdout } = await run(process.execPath, [PROGRAM, url, JSON.stringify(answers)]);
  return JSON.parse(stdout) as { error?: string; lookups: number };
}

describe('a webhook host name', () => {
  it.each([
    [['127.0.0.1']],
    [['10.0.0.7']],
    [['169.254.169.254']],
    [['::1']],
    [['fd00::1']],
    [['::ffff:127.0.0.1']],
    [['::7f00:1']],
    [[PUBLIC, '127.0.0.1']],
    [['127.0.0.1', PUBLIC]],
  ])('that resolves to %j is never connected to', async (addresses) => {
    const { error, lookups } = await deliver(addresses);
    expect([error, lookups, connections]).toEqual([expect.stringContaining('is not public'), 1, 0]);
  });

  it('is resolved once per delivery, so it cannot change between the check and the connection', async () => {
    const rebound = await deliver([PUBLIC], ['127.0.0.1']);
    expect(rebound.lookups).toBe(1);
    expect(rebound.error).not.toContain('is not public');
    const reverse = await deliver(['127.0.0.1'], [PUBLIC]);
    expect([reverse.lookups, reverse.error]).toEqual([1, expect.stringContaining('is not public')]);
    expect(connections).toBe(0);
  });
});
