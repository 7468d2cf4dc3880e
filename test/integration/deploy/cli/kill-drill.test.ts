import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditContextForCli, type CliContext, openCliContext } from '../../../../deploy/cli/open';
import { runKillDrill } from '../../../../deploy/cli/kill-drill';
import { readConfig } from '../../../../shared/config/config';
import { type PartnerId, tenantOf } from '../../../../shared/domain/ids';
import { register } from '../../../support/agents';
import { cli } from '../../../support/cli';
import { type Harness, startHarness } from '../../../support/harness';

const AGENTS = 30;
const DEPTH = 4;
const SIZE = ['--agents', String(AGENTS), '--depth', String(DEPTH), '--clients', '3'];

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.close());

const drill = (...args: string[]) => cli(h.env, 'kill-drill', ...SIZE, '--url', h.url, ...args);

/** Returns the partners that drills have created, newest first. */
async function drillPartners() {
  const { data } = (await cli(h.env, 'partners', 'list', '--json')).json();
  return (data as { partnerId: PartnerId; name: string; suspended: boolean }[]).filter(({ name }) =>
    name.startsWith('Kill drill '),
  );
}

async function agentsOf(partnerId: PartnerId, env: 'live' | 'test') {
  const agents = await h.ctx.store.agents.model.find({ tenant: tenantOf(partnerId, env) }).lean();
  return { statuses: [...new Set(agents.map(({ status }) => status))], count: agents.length, agents };
}

/** Starts a gateway that repeats the first 200 to each request, as a cache in front of the API would. */
async function startCachingGateway(): Promise<{ url: string; close: () => void }> {
  const known = new Map<string, string>();
  const server = createServer((req, res) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString();
      const key = `${req.url} ${String(req.headers['x-api-key'])} ${body}`;
      const cached = known.get(key);
      if (cached !== undefined) {
        res.writeHead(200).end(cached);
        return;
      }
      const headers = { 'content-type': 'application/json', 'x-api-key': String(req.headers['x-api-key']) };
      const response = await fetch(`${h.url}${req.url}`, { method: req.method!, headers, body });
      const text = await response.text();
      if (response.status === 200) known.set(key, text);
      res.writeHead(response.status, { 'content-type': 'application/json' }).end(text);
    })();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('mir kill-drill', () => {
  it('kills a tree of its own under traffic, and verifies that nothing passes after the 202', async () => {
    const bystander = await h.partner();
    const other = await register(h.client, bystander.testKey);
    const done = await drill('--json');
    expect(done).toMatchObject({ code: 0, err: expect.stringContaining('In force since') });
    const result = done.json();
    expect(result).toMatchObject({ agents: AGENTS, depth: DEPTH, verified: true, problems: [] });
    expect(result.requests.beforeKill.accepted).toBeGreaterThanOrEqual(2 * AGENTS);
    expect(result.requests.afterKill).toEqual({ accepted: 0, rejected: expect.any(Number), failed: 0 });
    expect(result.requests.afterKill.rejected).toBeGreaterThanOrEqual(2 * AGENTS);
    expect(result.lastAcceptedMs).toBeLessThan(result.killMs + 1);
    expect(result.report).toMatchObject({ status: 'CLOSED', affected: AGENTS, revoked: AGENTS, reason: 'Kill drill' });
    expect(result.report.signature).toEqual(expect.any(String));
    expect((await h.client.get(`/v1/agents/${other.id}`, bystander.testKey)).body.status).toBe('ACTIVE');
  });

  it('prints what it measured, and leaves nothing usable: agents are revoked, and their partner is suspended', async () => {
    const { code, out } = await drill();
    expect(code).toBe(0);
    expect(out).toMatch(/kill returned 202 after\W+\d+ ms/);
    expect(out).toMatch(/after the 202\W+0 accepted, \d+ rejected/);
    expect(out).toMatch(/signature and audit entries\W+valid/);
    expect(out).toContain('Passed');
    const [newest] = await drillPartners();
    expect(newest).toMatchObject({ suspended: true });
    expect(await agentsOf(newest!.partnerId, 'test')).toMatchObject({ statuses: ['REVOKED'], count: AGENTS });
    expect(await agentsOf(newest!.partnerId, 'live')).toMatchObject({ count: 0 });
  });

  it('uses the test environment of an existing partner with a key that it revokes, and audits each agent', async () => {
    const partner = await h.partner();
    const own = await register(h.client, partner.testKey);
    const keysOf = async () => (await h.ctx.store.partners.get(partner.partnerId))!.keys.length;
    const before = await keysOf();
    const done = await drill('--partner', partner.partnerId, '--json', '--as', 'Ana Diaz');
    expect([done.code, done.json().partnerId]).toEqual([0, partner.partnerId]);
    const entries = await h.ctx.store.audit.model.find({ chain: tenantOf(partner.partnerId, 'test') }).lean();
    const created = entries.filter(
      ({ action, target }) => /^agent\.(?:registered|spawned)$/.test(action) && target !== own.id,
    );
    expect(created).toHaveLength(AGENTS);
    const operator = { kind: 'OPERATOR', via: 'CLI', name: 'Ana Diaz' };
    expect(created.filter(({ actor }) => !isDeepStrictEqual(actor, operator))).toEqual([]);
    expect(await keysOf()).toBe(before);
    const left = await agentsOf(partner.partnerId, 'test');
    expect(left.agents.filter(({ status }) => status !== 'REVOKED').map(({ _id }) => _id)).toEqual([own.id]);
    expect((await h.client.get('/v1/partners/me', partner.liveKey)).status).toBe(200);
  });

  it('exits with 1 if something in front of the API still accepts killed agents', async () => {
    const gateway = await startCachingGateway();
    try {
      const done = await drill('--url', gateway.url, '--json');
      expect(done.code).toBe(1);
      expect(done.err).toMatch(/\d+ requests that were sent after the 202 were accepted/);
      expect(done.json().requests.afterKill.accepted).toBeGreaterThan(0);
      expect((await drillPartners())[0]).toMatchObject({ suspended: true });
    } finally {
      gateway.close();
    }
  });

  it('exits with 1 if no worker completes the kill in time', async () => {
    await h.stopWorkers();
    try {
      const { code, err } = await drill('--wait-seconds', '0');
      expect([code, err]).toEqual([1, expect.stringContaining('its cascade is still RUNNING; check the workers')]);
      expect((await drillPartners())[0]).toMatchObject({ suspended: true });
    } finally {
      await h.startWorkers();
    }
  });

  it.each<[string, () => Promise<string[]>, RegExp]>([
    [
      'the partner is suspended',
      async () => ['--partner', (await h.partner({ suspended: true })).partnerId],
      /is suspended/,
    ],
    [
      'the partner is not on the ENTERPRISE plan',
      async () => ['--partner', (await h.partner({ plan: 'STANDARD' })).partnerId],
      /not on the ENTERPRISE plan/,
    ],
    ['the partner does not exist', () => Promise.resolve(['--partner', 'prt_none']), /NOT_FOUND/],
  ])('changes nothing if %s', async (_what, args, problem) => {
    const before = await h.ctx.store.agents.model.countDocuments();
    const { code, err } = await drill(...(await args()));
    expect([code, err]).toEqual([1, expect.stringMatching(problem)]);
    expect(await h.ctx.store.agents.model.countDocuments()).toBe(before);
  });

  it.each([
    ['--agents', '0'],
    ['--agents', '100001'],
    ['--depth', '33'],
    ['--clients', '65'],
    ['--url', 'mir.example'],
  ])('rejects %s %s', async (option, value) => {
    expect((await drill(option, value)).code).toBe(2);
  });
});

describe('an interrupted drill', () => {
  let ctx: CliContext;
  beforeAll(async () => {
    ctx = await openCliContext(readConfig(h.env));
  });
  afterAll(() => ctx.close());

  /** Interrupts a drill when it prints a text. */
  async function interruptAt(text: string): Promise<PartnerId> {
    const controller = new AbortController();
    const shell = {
      env: h.env,
      out: () => undefined,
      err: (line: string) => (line.includes(text) ? controller.abort() : undefined),
      stdin: () => Promise.resolve(''),
      stdinChunks: () => Readable.from([]),
      terminal: null,
    };
    const options = { agents: AGENTS, depth: DEPTH, clients: 2, waitSeconds: 60, url: h.url, partnerId: null };
    const run = runKillDrill(ctx, shell, auditContextForCli('tester'), options, controller.signal);
    await expect(run).rejects.toThrow('interrupted');
    return (await drillPartners())[0]!.partnerId;
  }

  it.each(['agents stored', 'Sending requests', 'In force since'])(
    'kills its agents and suspends its partner, after it printed "%s"',
    async (text) => {
      const partnerId = await interruptAt(text);
      expect((await drillPartners())[0]).toMatchObject({ suspended: true });
      const { agents } = await agentsOf(partnerId, 'test');
      const root = agents.find(({ parentId }) => parentId === null);
      expect(root!.killedAt).not.toBeNull();
    },
  );

  it('has nothing to kill before it stored any agent', async () => {
    const partnerId = await interruptAt('Building');
    expect((await drillPartners())[0]).toMatchObject({ suspended: true });
    expect(await agentsOf(partnerId, 'test')).toMatchObject({ count: 0 });
  });
});
