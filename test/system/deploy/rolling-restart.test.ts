import { afterAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../../deploy/local/ports';
import { createClient } from '../../support/client';
import { expectBalanced, newExpectedState, someEvents, submit } from '../../support/expected-state';
import { faultEnvironment } from '../../support/fault-environment';
import { haproxyMissing, startHaproxy } from '../../support/haproxy';
import type { TestProcess } from '../../support/start-process';
import { waitUntil } from '../../support/wait-until';

const APIS = 3;
const WORKERS = 4;
const CLIENTS = 4;
/** More than HAProxy needs to notice that a process drains. */
const SHUTDOWN_DELAY_MS = 2_500;
const TIMEOUT_MS = 240_000;

const missing = process.env['CI'] === 'true' ? null : haproxyMissing();
if (missing !== null) process.stderr.write(`Skipping the rolling restart test: ${missing}.\n`);

const { serve, start } = faultEnvironment();
const ends: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(ends.map((end) => end())));

describe('a rolling restart behind HAProxy', () => {
  (missing === null ? it : it.skip)(
    'fails no request, and loses no event, while each of 3 API and 4 worker processes is replaced',
    async () => {
      const mir = await serve({ workers: false });
      const expectedState = newExpectedState(await mir.partner());
      const ports = await Promise.all(Array.from({ length: APIS }, freePort));
      const base = { ...mir.env, TRUST_PROXY_HOPS: '1', SHUTDOWN_DELAY_MS: String(SHUTDOWN_DELAY_MS) };
      const programs = [
        ...ports.map((port) => ({ program: 'api' as const, env: { ...base, PORT: String(port) } })),
        ...Array.from({ length: WORKERS }, () => ({ program: 'worker' as const, env: base })),
      ];
      const processes: TestProcess[] = [];
      for (const { program, env } of programs) processes.push(await start(program, env));
      const proxy = await startHaproxy(ports);
      ends.push(() => proxy.stop());

      const client = createClient(`http://127.0.0.1:${proxy.port}`);
      const finished = new AbortController();
      const failures: unknown[] = [];
      let requests = 0;
      const note = (status: number, expected: number): void => {
        requests += 1;
        if (status !== expected) failures.push(status);
      };
      const { liveKey } = expectedState.partner;
      const clients = Array.from({ length: CLIENTS }, async () => {
        while (!finished.signal.aborted) {
          try {
            note(await submit(client, expectedState, someEvents(10, 20)), 202);
            note((await client.post('/v1/resolve', liveKey, { userExternalId: 'u-1' })).status, 200);
          } catch (error) {
            failures.push(error);
          }
        }
      });
      for (const [n, { program, env }] of programs.entries()) {
        const before = requests;
        expect(await processes[n]!.stop()).toEqual({ code: 0, signal: null });
        await waitUntil('requests are answered', () => requests > before);
        await start(program, env);
      }
      finished.abort();
      await Promise.all(clients);
      expect(failures).toEqual([]);
      expect(requests).toBeGreaterThan(100);
      await expectBalanced(mir, expectedState);
    },
    TIMEOUT_MS,
  );
});
