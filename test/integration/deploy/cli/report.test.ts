import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { growTree } from '../../../support/grow-tree';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { cli } from '../../../support/cli';

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await startHarness();
  partner = await h.partner();
});
afterAll(() => h.close());

const report = (...args: string[]) => cli(h.env, 'agents', 'report', ...args);

/** Kills a tree with the CLI. Returns the ID of the cascade. */
async function kill(): Promise<string> {
  const [root] = await growTree(h.ctx.store, tenantOf(partner.partnerId, 'live'), 5);
  const confirmed = ['--confirm', root!.agentId, '--reason', 'drill', '--json'];
  return (await cli(h.env, 'agents', 'kill', root!.agentId, ...confirmed)).json().cascadeId as string;
}

describe('mir agents report', () => {
  it('verifies the report of a kill, and prints what the API returns', async () => {
    const cascadeId = await kill();
    const verified = await report(cascadeId, '--verify', '--json');
    expect(verified).toMatchObject({ code: 0, err: '' });
    const { verified: isVerified, ...facts } = verified.json();
    expect(isVerified).toBe(true);
    expect(facts).toEqual((await h.client.get(`/v1/cascades/${cascadeId}`, partner.liveKey)).body);
    expect((await report(cascadeId, '--json')).json()).toEqual(facts);
    const { code, out } = await report(cascadeId, '--verify');
    expect(code).toBe(0);
    for (const text of ['drill', 'OPERATOR CLI', facts.auditHeadHash]) expect(out).toContain(text);
    expect(out).toMatch(/verified\W+yes/);
  });

  it('shows which receivers have acknowledged the kill', async () => {
    await h.client.post('/v1/receivers', partner.liveKey, { url: 'https://hooks.invalid/kills', format: 'SET' });
    const { out } = await report(await kill(), '--verify');
    expect(out).toMatch(/https:\/\/hooks\.invalid\/kills\s+not acknowledged/);
  });

  it.each([
    ['an entry in the audit range', { action: 'agent.revoked' }, { reason: 'another' }, /chain is broken/],
    [
      'the order in the audit log',
      { action: 'agent.subtree.killed' },
      { reason: 'another' },
      /another reason or actor/,
    ],
  ])('exits with 1 if %s was changed', async (_what, entry, change, problem) => {
    const cascadeId = await kill();
    expect((await report(cascadeId, '--verify')).code).toBe(0);
    const { audit, cascades } = h.ctx.store;
    const { agentId } = (await cascades.byId(cascadeId))!;
    await audit.model.updateOne({ target: agentId, ...entry }, { $set: change });
    const result = await report(cascadeId, '--verify');
    expect(result.code).toBe(1);
    expect(result.err).toMatch(problem);
    expect(result.out).toMatch(/verified\W+no/);
  });

  it('exits with 1 if the reason in the report was changed', async () => {
    const cascadeId = await kill();
    await h.ctx.store.cascades.model.updateOne({ _id: cascadeId }, { $set: { reason: 'another' } });
    const result = await report(cascadeId, '--verify');
    expect(result).toMatchObject({ code: 1, err: expect.stringContaining('another reason or actor') });
  });

  it('exits with 1 if the cascade does not exist', async () => {
    expect(await report('csc_none')).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^NOT_FOUND: /) });
  });
});
