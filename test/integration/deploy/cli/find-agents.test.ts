import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AN_EVENT } from '../../../support/agents';
import { cli, cliReading } from '../../../support/cli';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';

let h: Harness;
let partner: TestPartner;
let root: TestAgent;
let bot: TestAgent;
beforeAll(async () => {
  h = await startHarness();
  partner = await h.partner({ name: 'Harbour Market' });
  root = await insertAgent(h.ctx.store, partner, { name: 'Root' });
  bot = await insertAgent(h.ctx.store, partner, { name: 'Restock bot' }, root);
});
afterAll(() => h.close());

const find = (...args: string[]) => cli(h.env, 'agents', 'find', ...args);
const foundBy = async (...args: string[]): Promise<string[]> =>
  (await find('--json', ...args)).json().data.map(({ agentId }: TestAgent) => agentId);

describe('mir agents find', () => {
  it('recognizes names, agent IDs, key prefixes and event IDs', async () => {
    const { body } = await h.client.post('/v1/events', bot.apiKey, AN_EVENT, { 'idempotency-key': 'a' });
    await h.drained();
    for (const words of [['Restock', 'bot'], ['Rest'], [bot.agentId], [bot.doc.key!.prefix], [body.eventId]]) {
      expect(await foundBy(...(words as string[]))).toEqual([bot.agentId]);
    }
    expect(await foundBy('Unknown')).toEqual([]);
  });

  it('recognizes an event ID with a hyphen', async () => {
    let eventId = '';
    for (let n = 0; !eventId.includes('-'); n += 1) {
      const { body } = await h.client.post('/v1/events', bot.apiKey, AN_EVENT, { 'idempotency-key': `hyphen-${n}` });
      eventId = body.eventId as string;
    }
    await h.drained();
    expect(await foundBy(eventId)).toEqual([bot.agentId]);
  });

  it('finds the agents of an owner by name and by email address', async () => {
    const owner = { name: 'Ada Ops', email: 'ada@harbour.example' };
    const owned = await insertAgent(h.ctx.store, partner, { name: 'Owned', owner });
    for (const words of [['Ada', 'Ops'], ['Ada@Harbour.example']]) {
      expect(await foundBy('--owner', ...words)).toEqual([owned.agentId]);
      expect(await foundBy(...words)).toEqual([]);
    }
  });

  it('shows the partner and the path, but no key', async () => {
    const { code, out } = await find('Restock bot');
    expect(code).toBe(0);
    for (const text of [bot.agentId, root.agentId, 'Harbour Market', partner.partnerId, 'ACTIVE']) {
      expect(out).toContain(text);
    }
    expect(out).not.toContain(bot.apiKey);
  });

  it('reads a whole key from stdin, and never from the command line', async () => {
    const found = await cliReading(`${bot.apiKey}\n`, h.env, 'agents', 'find', '--key-from-stdin', '--json');
    expect(found.json().data).toMatchObject([{ agentId: bot.agentId }]);
    const onCommandLine = await find(bot.apiKey);
    expect([onCommandLine.code, onCommandLine.out]).toEqual([2, '']);
    expect(onCommandLine.err).toContain('use --key-from-stdin');
    expect(onCommandLine.err).not.toContain(bot.apiKey);
    const mistyped = await cliReading(bot.apiKey.slice(0, -1), h.env, 'agents', 'find', '--key-from-stdin');
    expect([mistyped.code, mistyped.out]).toEqual([2, '']);
    expect(mistyped.err).toContain('not a whole API key');
  });

  it('requires either a text or a key', async () => {
    expect((await find()).code).toBe(2);
    expect((await find('Root', '--key-from-stdin')).code).toBe(2);
    expect((await find('--owner')).code).toBe(2);
  });
});
