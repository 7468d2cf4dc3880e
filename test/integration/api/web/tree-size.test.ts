import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { anAgent, type GrownAgent, growTree } from '../../../support/grow-tree';
import { freshEnv, type Harness, type TestPartner } from '../../../support/harness';
import { startHarnessForPeople } from '../../../support/people';
import { baseOf, type LoggedIn, logInMember } from '../../../support/portal-session';
import { rawCollection } from '../../../support/raw-collection';
import { recordCommands } from '../../../support/record-commands';

/** For the full size, with 1,000 levels opened, set `TREE_AGENTS=100000`. */
const AGENTS = Number(process.env['TREE_AGENTS'] ?? 5_000);
const FULL_SIZE = 100_000;
const ROOTS = 120;
const ROWS_PER_PAGE = 50;
const EXPANSIONS = AGENTS < FULL_SIZE ? 300 : 1_000;
const AT_ONCE = 8;
/** Expansions before the heap is measured, in which caches fill and code is compiled. */
const FIRST_EXPANSIONS = 120;
const MIB = 2 ** 20;
/** If each level that is opened left its rows or its response behind, the heap would grow by more. */
const MAX_GROWTH_BYTES = 6 * MIB;
const TIMEOUT_MS = 60_000 + 3 * AGENTS;

let mir: Harness;
let partner: TestPartner;
let member: LoggedIn;
let grown: GrownAgent[];
let sent: ReturnType<typeof recordCommands>;
beforeAll(async () => {
  const url = new URL(freshEnv()['MONGO_URL']!);
  url.searchParams.set('monitorCommands', 'true');
  mir = await startHarnessForPeople({ env: { MONGO_URL: url.href }, workers: false });
  const limits = { eventsPerMinute: 1_000, requestsPerMinute: 1_000_000 };
  partner = await mir.partner({ limits });
  const tenant = tenantOf(partner.partnerId, 'live');
  grown = await growTree(mir.ctx.store, tenant, AGENTS);
  const others = Array.from({ length: ROOTS - 1 }, () => anAgent(tenant, null).doc);
  await rawCollection(mir.ctx.store.agents.model).insertMany(others.map((doc) => ({ ...doc })));
  member = await logInMember(mir, partner, 'VIEWER');
  sent = recordCommands([mir.ctx.store.connection]);
}, TIMEOUT_MS);
afterAll(() => mir.close());

const open = (page: string) => member.browser.get(`${baseOf(partner)}/agents${page}`);
const READS = new Set(['find', 'aggregate', 'getMore', 'count', 'distinct']);

/** Opens a page. Returns the number of its rows, and of the commands that read agents or anything at all. */
async function costOf(page: string): Promise<{ rows: number; agents: number; all: number }> {
  sent.length = 0;
  const { status, root } = await open(page);
  expect(status).toBe(200);
  const reads = sent.filter(({ name }) => READS.has(name));
  const collectionOf = ({ name, command }: (typeof reads)[number]): unknown =>
    command[name === 'getMore' ? 'collection' : name];
  return {
    rows: root.querySelectorAll('.tree .name, li > .row > .name').length,
    agents: reads.filter((read) => collectionOf(read) === 'agents').length,
    all: reads.length,
  };
}

function heapBytes(collectGarbage: () => void): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe(`a tree of ${AGENTS.toLocaleString('en-GB')} agents`, () => {
  it('costs two reads of agents for the first page, and one for each level that is opened', async () => {
    await open('');
    const first = await costOf('');
    // The navigation counts the agents that await approval.
    expect(first).toMatchObject({ rows: ROWS_PER_PAGE, agents: 2 });
    const counts = new Map<string | null, number>();
    for (const { parentId } of grown) counts.set(parentId, (counts.get(parentId) ?? 0) + 1);
    counts.delete(null);
    const [widest, children] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
    const deepest = grown.findLast(({ agentId }) => counts.has(agentId))!;
    for (const [parentId, rows] of [
      [widest, Math.min(children, ROWS_PER_PAGE)],
      [deepest.agentId, Math.min(counts.get(deepest.agentId)!, ROWS_PER_PAGE)],
    ] as const) {
      const level = await costOf(`/rows?parent=${parentId}`);
      expect(level).toMatchObject({ rows, agents: 1 });
      // What is not about agents is about the member: the session, the membership, the partner and the access token.
      expect(level.all).toBeLessThanOrEqual(first.all);
    }
  });

  it(
    `needs no more memory after ${EXPANSIONS} levels were opened`,
    async () => {
      setFlagsFromString('--expose-gc');
      const collectGarbage = runInNewContext('gc') as () => void;
      const parents = [...new Set(grown.flatMap(({ parentId }) => parentId ?? []))];
      const cookie = [...member.browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const expandNth = async (n: number): Promise<void> => {
        const path = `${baseOf(partner)}/agents/rows?parent=${parents[n % parents.length]!}`;
        const response = await fetch(mir.url + path, { headers: { cookie, 'hx-request': 'true' } });
        expect([response.status, (await response.text()).startsWith('<li>')]).toEqual([200, true]);
      };
      const expand = async (count: number): Promise<void> => {
        for (let n = 0; n < count; n += AT_ONCE) {
          await Promise.all(Array.from({ length: AT_ONCE }, (_, other) => expandNth(n + other)));
          sent.length = 0;
        }
      };
      await expand(FIRST_EXPANSIONS);
      const before = heapBytes(collectGarbage);
      const startedAt = performance.now();
      await expand(EXPANSIONS);
      const grownBytes = heapBytes(collectGarbage) - before;
      const seconds = (performance.now() - startedAt) / 1_000;
      process.stdout.write(
        `tree of ${AGENTS} agents: ${EXPANSIONS} expansions in ${seconds.toFixed(1)} s, ` +
          `heap ${(before / MIB).toFixed(1)} MiB, grown by ${(grownBytes / MIB).toFixed(2)} MiB\n`,
      );
      expect(grownBytes).toBeLessThan(MAX_GROWTH_BYTES);
    },
    TIMEOUT_MS,
  );
});
