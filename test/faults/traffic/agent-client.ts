import { anAgent } from '../../support/agents';
import type { ExpectedPartner } from '../oracle/oracle';
import type { Supervised } from '../supervised';
import { type ClientDeps, submit, untilReplied } from './submit';

const UNAUTHORIZED = 401;

/**
 * Returns a function that registers an agent, submits an event as that agent, revokes the agent, and expects every API
 * process to reject its key afterward.
 */
export function agentClient(
  deps: ClientDeps,
  partner: ExpectedPartner,
  apis: readonly Supervised[],
): () => Promise<void> {
  const { oracle, transport, random, report } = deps;
  const key = partner.partner.liveKey;
  let sequence = 0;
  return async () => {
    sequence += 1;
    const body = anAgent({ name: `Bot ${sequence}`, preset: 'STANDARD' });
    // Sent once: without a response, a repeat would register a second agent.
    const registered = await transport.post(transport.anyApi(random), '/v1/agents', key, body);
    if (registered === null || registered.status === 503) return;
    if (registered.status !== 201) return report(`registering an agent returned ${registered.status}`);
    oracle.noteAudited(partner, 'agent.registered');
    const { agentId, apiKey } = registered.body as { agentId: string; apiKey: string };
    const event = { userExternalId: 'u-0', eventType: 'mir.transaction.completed', idempotencyKey: `life-${sequence}` };
    await submit(deps, { kind: 'agent', partner, key: apiKey, events: [event], single: true, fresh: true });
    const revoked = await untilReplied(deps, () =>
      transport.post(transport.anyApi(random), `/v1/agents/${agentId}/revoke`, key, {}),
    );
    if (revoked === null) return;
    if (revoked.reply.status !== 200 && revoked.reply.status !== 409) {
      return report(`revoking an agent returned ${revoked.reply.status} ${JSON.stringify(revoked.reply.body)}`);
    }
    oracle.noteAudited(partner, 'agent.revoked');
    for (const api of apis) {
      const reply = await transport.get(api, '/v1/events', apiKey);
      if (reply === null || reply.status === UNAUTHORIZED || reply.status === 503) continue;
      report(`${api.name} returned ${reply.status} for the key of the revoked agent ${agentId}`);
    }
  };
}
