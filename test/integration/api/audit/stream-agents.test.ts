import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApp } from '../../../../api/app';
import { tenantOf, type Tenant } from '../../../../shared/domain/ids';
import { listen } from '../../../../shared/process/listen';
import { appendEntries, sealAll } from '../../../support/audit-entries';
import { readAuditStream, type StreamLine } from '../../../support/audit-stream';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { errorsOf, expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';
import { waitUntil } from '../../../support/wait-until';

const MANAGER = { type: 'SERVICE_ACCOUNT', preset: 'ADMIN' } as const;

let h: Harness;
const servers: { close(): unknown; closeAllConnections(): void }[] = [];
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await h.close();
});

interface Tree {
  partner: TestPartner;
  chain: Tenant;
  agent: TestAgent;
  child: TestAgent;
}

async function createTree(): Promise<Tree> {
  const partner = await h.partner();
  const agent = await insertAgent(h.ctx.store, partner, MANAGER);
  const child = await insertAgent(h.ctx.store, partner, MANAGER, agent);
  return { partner, chain: tenantOf(partner.partnerId, 'live'), agent, child };
}

/** Seals one entry about each of the targets, in this order. */
async function grow(chain: Tenant, ...targets: string[]): Promise<void> {
  for (const target of targets) {
    await appendEntries(h.ctx.store, chain, 1, { target });
    await sealAll(h.ctx.store, chain);
  }
}

const read = async (key: string, query?: string): Promise<StreamLine[]> =>
  (await readAuditStream(h.url, key, query)).lines;
const targetsOf = (lines: StreamLine[]): unknown[] => lines.map(({ entry }) => entry.target);

describe("an agent's audit stream", () => {
  it('contains only entries about the agent and its descendants, without positions, hashes and heads', async () => {
    const { partner, chain, agent, child } = await createTree();
    await grow(chain, 'agt_live_1', agent.agentId, 'agt_live_1', child.agentId, agent.agentId);
    const lines = await read(agent.apiKey);
    expect(targetsOf(lines)).toEqual([agent.agentId, child.agentId, agent.agentId]);
    for (const { type, entry } of lines) {
      expect({ type, entry }).toMatchObject({ type: 'entry', entry: { seq: null, previousHash: null, hash: null } });
    }
    expect(targetsOf(await read(child.apiKey))).toEqual([child.agentId]);
    expect(await read(partner.liveKey)).toHaveLength(6);
  });

  it('continues after a line, with entries about children that were created since', async () => {
    const { partner, chain, agent, child } = await createTree();
    await grow(chain, agent.agentId, 'agt_live_1', child.agentId);
    const [first] = await read(agent.apiKey, '?limit=1');
    const rest = () => read(agent.apiKey, `?waitSeconds=0&after=${first!.cursor}`);
    expect(targetsOf(await rest())).toEqual([child.agentId]);
    const born = await insertAgent(h.ctx.store, partner, MANAGER, child);
    await grow(chain, born.agentId);
    expect(targetsOf(await rest())).toEqual([child.agentId, born.agentId]);
  });

  it('waits for entries that the agent may see, while the chain grows by others', async () => {
    const { chain, agent } = await createTree();
    let reads = 0;
    const { audit } = h.ctx.store;
    const sealedAbout: typeof audit.sealedAbout = async (...args) => {
      const found = await audit.sealedAbout(...args);
      reads += 1;
      return found;
    };
    const ctx = { ...h.ctx, store: { ...h.ctx.store, audit: { ...audit, sealedAbout } } };
    const { server, port } = await listen(createApp(ctx), 0, 'PORT');
    servers.push(server);
    const reading = readAuditStream(`http://127.0.0.1:${port}`, agent.apiKey, '');
    await waitUntil('the stream was read', () => reads === 1);
    await grow(chain, 'agt_live_1');
    await waitUntil('the growth was seen', () => reads === 2);
    await grow(chain, agent.agentId);
    expect(targetsOf((await reading).lines)).toEqual([agent.agentId]);
  });

  it('has cursors that are valid only for the agent, and whose length does not depend on the chain', async () => {
    const { partner, chain, agent, child } = await createTree();
    await grow(chain, agent.agentId, ...Array.from({ length: 10 }, () => 'agt_live_1'), child.agentId);
    const [first, last] = await read(agent.apiKey);
    expect(last!.cursor).toHaveLength(first!.cursor.length);
    for (const key of [partner.liveKey, child.apiKey]) {
      const rejected = await h.client.get(`/v1/audit/stream?after=${first!.cursor}`, key);
      expectProblem(rejected, 422, 'VALIDATION_FAILED');
      expect(errorsOf(rejected)).toEqual(['after INVALID_CURSOR']);
    }
  });

  it('has the order of the chain for more agents than one query reads', async () => {
    const { partner, chain, agent } = await createTree();
    const children = await Promise.all(
      Array.from({ length: 210 }, () => insertAgent(h.ctx.store, partner, MANAGER, agent)),
    );
    const ids = children.map(({ agentId }) => agentId);
    for (let n = 0; n < 20; n += 1) await appendEntries(h.ctx.store, chain, 1, { target: ids[(n * 97) % 210]! });
    await sealAll(h.ctx.store, chain);
    const ordered = targetsOf(await read(partner.liveKey, '?limit=20').then((lines) => lines.slice(0, 20)));
    expect(targetsOf(await read(agent.apiKey))).toEqual(ordered);
    expect(targetsOf(await read(agent.apiKey, '?limit=7'))).toEqual(ordered.slice(0, 7));
  });
});
