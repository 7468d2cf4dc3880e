import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createActivityRecorder } from '../../../../shared/authz/record-activity';
import { createApiContext } from '../../../../api/context';
import { openRuntime } from '../../../../shared/runtime';
import { readConfig } from '../../../../shared/config/config';
import { startSecondApi } from '../../../support/partners';
import { anEvent } from '../../../support/builders';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent } from '../../../support/insert-agent';

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  partner = await h.partner();
});
afterAll(() => h.close());

const lastOf = async (agentId: string): Promise<Date | null> =>
  (await h.ctx.store.agents.model.findById(agentId).lean())!.lastActivityAt;

describe('an agent’s last activity', () => {
  it('is noted by reading and by writing, and written later, for many requests at once', async () => {
    const [reader, writer] = [await insertAgent(h.ctx.store, partner), await insertAgent(h.ctx.store, partner)];
    const before = Date.now() - 1_000;
    const requests = Array.from({ length: 5 }, () => h.client.get('/v1/events', reader.apiKey));
    await Promise.all([...requests, h.client.post('/v1/events', writer.apiKey, anEvent({ idempotencyKey: 'a' }))]);
    await h.ctx.activity.flush();
    for (const { agentId } of [reader, writer]) {
      expect((await lastOf(agentId))!.getTime()).toBeGreaterThan(before);
    }
  });

  it('is written when the process ends', async () => {
    const { agentId, apiKey } = await insertAgent(h.ctx.store, partner);
    const other = await startSecondApi(h);
    expect((await other.client.get('/v1/events', apiKey)).status).toBe(200);
    await other.close();
    expect(await lastOf(agentId)).not.toBeNull();
  });

  it('never moves back', async () => {
    const { agentId } = await insertAgent(h.ctx.store, partner);
    const notes = createActivityRecorder(h.ctx);
    notes.record(agentId, 2_000);
    notes.record(agentId, 1_000);
    await notes.flush();
    notes.record(agentId, 1_500);
    await notes.close();
    expect(await lastOf(agentId)).toEqual(new Date(2_000));
  });

  it('is kept while the store is away, and written when it is back', async () => {
    const { agentId } = await insertAgent(h.ctx.store, partner);
    const cut = await createApiContext(await openRuntime(readConfig(h.env), 'api'));
    await cut.store.connection.close();
    const notes = createActivityRecorder(cut);
    notes.record(agentId, 5_000);
    await notes.flush();
    await cut.store.connection.openUri(h.env['MONGO_URL']!);
    await notes.close();
    await cut.close();
    expect(await lastOf(agentId)).toEqual(new Date(5_000));
  });

  it('is written for more agents than one write takes', async () => {
    const notes = createActivityRecorder(h.ctx);
    const agents = await Promise.all(Array.from({ length: 20 }, () => insertAgent(h.ctx.store, partner)));
    for (let n = 0; n < 2_500; n += 1) notes.record(`agt_live_nobody_${n}`, 1);
    for (const { agentId } of agents) notes.record(agentId, 3_000);
    await notes.close();
    for (const { agentId } of agents) expect(await lastOf(agentId)).toEqual(new Date(3_000));
  });
});
