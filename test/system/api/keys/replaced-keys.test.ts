import { describe, expect, it } from '@jest/globals';
import { freePort } from '../../../../deploy/local/ports';
import { type ApiClient, createClient, type TestResponse } from '../../../support/client';
import { faultEnvironment } from '../../../support/fault-environment';
import { waitUntil } from '../../../support/wait-until';

const APIS = 3;
const CLIENTS = 6;
/** Raise it, for example to 100, to look for rare races. */
const ROUNDS = Number(process.env['MIR_KEY_ROUNDS'] ?? 10);
const TIMEOUT_MS = 60_000 + ROUNDS * 10_000;

const { serve, start } = faultEnvironment();

const question = { userExternalId: 'u-1' };
const use = (client: ApiClient, key: string): Promise<TestResponse> => client.post('/v1/resolve', key, question);

/** Returns the statuses of one request to each process. */
const statusesOf = async (clients: readonly ApiClient[], key: string): Promise<number[]> =>
  Promise.all(clients.map(async (client) => (await use(client, key)).status));

describe('a replaced key', () => {
  it(
    'is accepted by every process until its overlap ends or it is revoked, and by none afterward, under load',
    async () => {
      const mir = await serve({ workers: false });
      const { liveKey } = await mir.partner();
      const ports = await Promise.all(Array.from({ length: APIS }, freePort));
      for (const port of ports) await start('api', { ...mir.env, PORT: String(port) });
      const apis = ports.map((port) => createClient(`http://127.0.0.1:${port}`));
      const post = async (path: string, body: object): Promise<TestResponse['body']> => {
        const response = await apis[0]!.post(path, liveKey, body);
        expect([path, response.status]).toEqual([path, path === '/v1/keys' ? 201 : 200]);
        return response.body;
      };

      const { keyId, apiKey } = await post('/v1/keys', { name: 'In use', scopes: ['resolve:read'] });
      let current: string = apiKey;
      let requests = 0;
      const rejected: number[] = [];
      const finished = new AbortController();
      const clients = Array.from({ length: CLIENTS }, async (_, n) => {
        while (!finished.signal.aborted) {
          const { status } = await use(apis[(requests + n) % APIS]!, current);
          requests += 1;
          if (status !== 200) rejected.push(status);
        }
      });
      const startedAt = performance.now();
      const accepted: unknown[] = [];
      const expectRejected = async (round: number, what: string, key: string): Promise<void> => {
        const statuses = await statusesOf(apis, key);
        if (statuses.some((status) => status !== 401)) accepted.push({ round, what, statuses });
      };

      for (let round = 0; round < ROUNDS; round += 1) {
        const before = current;
        const rotated = await post(`/v1/keys/${keyId}/rotate`, { overlapSeconds: 1 });
        expect(await statusesOf(apis, before)).toEqual([200, 200, 200]);
        current = rotated.apiKey;
        const ended = Date.parse(rotated.previous.at(-1).validUntil);
        const other = await post('/v1/keys', { name: 'Revoked', scopes: ['resolve:read'] });
        expect(await statusesOf(apis, other.apiKey)).toEqual([200, 200, 200]);
        await post(`/v1/keys/${other.keyId}/revoke`, {});
        await expectRejected(round, 'revoked', other.apiKey);
        await waitUntil('the overlap has ended', () => Date.now() > ended);
        await expectRejected(round, 'overlap ended', before);
      }
      const seconds = (performance.now() - startedAt) / 1_000;
      finished.abort();
      await Promise.all(clients);
      process.stdout.write(`keys: ${ROUNDS} rounds at ${Math.round(requests / seconds)} requests/s\n`);
      expect({ rejected, accepted }).toEqual({ rejected: [], accepted: [] });
      expect(requests).toBeGreaterThan(100 * ROUNDS);
    },
    TIMEOUT_MS,
  );
});
