import { waitUntil } from '../../support/wait-until';
import { httpClient } from '../http';
import type { BenchProcess } from '../processes';
import type { Reporter } from '../report';
import { atMost } from '../result';
import type { BenchEnvironment } from '../environment';
import { clearAgents, grow, kill, refillControlBudget, warm } from './scenarios';
import { options } from './options';

const TREE = 10;
/** Calls of each client that are sent after the 202. */
const LATE_CALLS = 5;

/**
 * Kills small trees while clients send requests with the keys, and introspect them, on all APIs. Counts the calls sent
 * after the 202 that found a key active.
 */
export async function races(environment: BenchEnvironment, apis: BenchProcess[], reporter: Reporter): Promise<void> {
  const { raceRounds, raceClients } = options;
  const clients = apis.map(({ port }) => httpClient(port, raceClients));
  let [early, late, passed] = [0, 0, 0];
  for (let round = 0; round < raceRounds; round += 1) {
    const tree = await grow(environment, TREE);
    await warm(
      apis,
      tree.map(({ key }) => key),
    );
    const state = { killed: false, active: 0 };
    const isActive = async (n: number): Promise<boolean> => {
      const { key } = tree[n % TREE]!;
      const client = clients[n % clients.length]!;
      const introspects = Math.floor(n / TREE) % 2 === 1;
      const { status, body } = introspects
        ? await client.post('/v1/introspect', environment.partner.liveKey, JSON.stringify({ token: key }))
        : await client.get('/v1/events?limit=1', key);
      if (status !== 200 && (introspects || status !== 401)) {
        throw new Error(`a call returned ${status}: ${JSON.stringify(body)}`);
      }
      return status === 200 && (!introspects || body['active'] === true);
    };
    const call = async (n: number): Promise<void> => {
      for (let left = LATE_CALLS; left > 0;) {
        const isLate = state.killed;
        const active = await isActive(n);
        if (!isLate) state.active += Number(active);
        else {
          left -= 1;
          late += 1;
          passed += Number(active);
        }
      }
    };
    const calls = Array.from({ length: raceClients }, (_, n) => call(n));
    await waitUntil('the keys are in use', () => Promise.resolve(state.active >= raceClients));
    await kill(apis[round % apis.length]!, environment, tree[0]!);
    state.killed = true;
    await Promise.all(calls);
    early += state.active;
    await refillControlBudget(environment);
  }
  for (const client of clients) client.close();
  reporter.progress(`    calls that found a key active before the 202: ${early}; calls sent after it: ${late}`);
  reporter.add({
    id: 'race-passed',
    name: `requests and introspections sent after the 202 that found a key active, ${raceRounds} rounds with ${raceClients} clients on ${apis.length} APIs`,
    unit: 'calls',
    values: [passed],
    limit: atMost(0),
    sides: [{ name: 'sent after the 202', unit: 'calls', values: [late] }],
  });
  await environment.ctx.queues.cascades.obliterate({ force: true });
  await clearAgents(environment);
}
