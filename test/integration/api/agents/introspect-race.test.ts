import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { register, spawn } from '../../../support/agents';
import type { ApiClient, TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';
import { startTwoApis, type TwoApis } from './two-apis';

/** For a longer run, set `RACE_CLIENTS=200 RACE_ROUNDS=50`. */
const CLIENTS = Number(process.env['RACE_CLIENTS'] ?? 40);
const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 3);
const RACE_TIMEOUT_MS = 60_000 + ROUNDS * CLIENTS * 500;

let apis: TwoApis;
let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  apis = await startTwoApis();
  ({ harness: h, partner } = apis);
});
afterAll(() => apis.close());

const introspect = (client: ApiClient, token: string): Promise<TestResponse> =>
  client.post('/v1/introspect', partner.liveKey, { token });

describe('introspections during a kill', () => {
  it(
    `never find a key of the tree active once the kill has returned (${CLIENTS} clients, ${ROUNDS} rounds)`,
    async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const root = await register(h.client, partner.liveKey);
        const child = await spawn(h.client, partner.liveKey, root.id);
        const tokens = [root.key, child.key, (await spawn(h.client, partner.liveKey, child.id)).key];
        const clients = [h.client, apis.secondApi.client];
        let killed = false;
        const late: unknown[] = [];
        let before = 0;
        let after = 0;
        const poll = async (n: number): Promise<void> => {
          for (let left = 10; left > 0;) {
            const isLate = killed;
            const { status, body } = await introspect(clients[n % 2]!, tokens[n % 3]!);
            if (isLate) {
              after += 1;
              left -= 1;
              if (status !== 200 || body.active !== false) late.push({ status, body });
            } else if (body.active === true) before += 1;
          }
        };
        const polls = Array.from({ length: CLIENTS }, (_, n) => poll(n));
        await waitUntil('the keys are active', () => Promise.resolve(before >= CLIENTS));
        const kill = await apis.postAction(root.id, 'revoke-descendants', {});
        killed = true;
        await Promise.all(polls);
        expect(kill.status).toBe(202);
        expect(late).toEqual([]);
        expect(after).toBe(10 * CLIENTS);
      }
    },
    RACE_TIMEOUT_MS,
  );
});
