import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ActivityRecorder, createActivityRecorder } from '../../../../shared/authz/record-activity';
import { type ApiContext, createApiContext } from '../../../../api/context';
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

/** Returns a recorder that saves only when a test flushes or closes it. */
const recorderOf = ({ store, log }: ApiContext): ActivityRecorder =>
  createActivityRecorder({ save: (times) => store.agents.recordActivity(times), maxDelayMs: 1e12, log });
const lastActivityOf = async (agentId: string): Promise<Date | null> =>
  (await h.ctx.store.agents.model.findById(agentId).lean())!.lastActivityAt;

describe('an agent’s lastActivityAt', () => {
  it('records activity from concurrent reads and writes at the next flush', async () => {
    const [reader, writer] = [await insertAgent(h.ctx.store, partner), await insertAgent(h.ctx.store, partner)];
    const before = Date.now() - 1_000;
    const requests = Array.from({ length: 5 }, () => h.client.get('/v1/events', reader.apiKey));
    await Promise.all([...requests, h.client.post('/v1/events', writer.apiKey, anEvent({ idempotencyKey: 'a' }))]);
    await h.ctx.activity.flush();
    for (const { agentId } of [reader, writer]) {
      expect((await lastActivityOf(agentId))!.getTime()).toBeGreaterThan(before);
    }
  });

  it('writes pending activity when the API shuts down', async () => {
    const { agentId, apiKey } = await insertAgent(h.ctx.store, partner);
    const secondApi = await startSecondApi(h);
    expect((await secondApi.client.get('/v1/events', apiKey)).status).toBe(200);
    await secondApi.close();
    expect(await lastActivityOf(agentId)).not.toBeNull();
  });

  it('never moves an agent’s lastActivityAt backward', async () => {
    const { agentId } = await insertAgent(h.ctx.store, partner);
    const recorder = recorderOf(h.ctx);
    recorder.record(agentId, 2_000);
    recorder.record(agentId, 1_000);
    await recorder.flush();
    recorder.record(agentId, 1_500);
    await recorder.close();
    expect(await lastActivityOf(agentId)).toEqual(new Date(2_000));
  });

  it('keeps pending activity while MongoDB is down and writes it after the connection is restored', async () => {
    const { agentId } = await insertAgent(h.ctx.store, partner);
    const disconnected = await createApiContext(await openRuntime(readConfig(h.env), 'api'));
    await disconnected.store.connection.close();
    const recorder = recorderOf(disconnected);
    recorder.record(agentId, 5_000);
    await recorder.flush();
    await disconnected.store.connection.openUri(h.env['MONGO_URL']!);
    await recorder.close();
    await disconnected.close();
    expect(await lastActivityOf(agentId)).toEqual(new Date(5_000));
  });

  it('records activity for more agents than fit in one write', async () => {
    const recorder = recorderOf(h.ctx);
    const agents = await Promise.all(Array.from({ length: 20 }, () => insertAgent(h.ctx.store, partner)));
    for (let n = 0; n < 2_500; n += 1) recorder.record(`agt_live_unknown_${n}`, 1);
    for (const { agentId } of agents) recorder.record(agentId, 3_000);
    await recorder.close();
    for (const { agentId } of agents) expect(await lastActivityOf(agentId)).toEqual(new Date(3_000));
  });
});
