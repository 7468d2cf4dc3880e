import type { TestResponse } from './client';
import { type ApiClient } from './client';
import type { TestPartner } from './harness';

export { auditOf, startSecondApi, statusWith } from './partners';

/** Returns the body of a valid agent registration. */
export function anAgent(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: 'Order bot',
    type: 'SERVICE_ACCOUNT',
    preset: 'ADMIN',
    allowedEventTypes: ['mir.*'],
    ...changes,
  };
}

export interface TestAgent {
  id: string;
  key: string;
}

const agentOf = ({ status, body }: TestResponse): TestAgent => {
  if (status !== 201 && status !== 200) throw new Error(`expected an agent, got ${status}: ${JSON.stringify(body)}`);
  return { id: body.agentId, key: body.apiKey };
};

/** Registers an agent with a partner key. */
export async function register(
  client: ApiClient,
  key: string,
  changes: Record<string, unknown> = {},
): Promise<TestAgent> {
  return agentOf(await client.post('/v1/agents', key, anAgent(changes)));
}

/** Spawns a child. Throws if the spawn needs approval or is rejected. */
export async function spawn(
  client: ApiClient,
  key: string,
  parentId: string,
  changes: Record<string, unknown> = {},
): Promise<TestAgent> {
  return agentOf(await client.post(`/v1/agents/${parentId}/spawn`, key, { name: 'Child', ...changes }));
}

/** Enables spawning with high limits, which `changes` can override. */
export async function allowSpawning(
  client: ApiClient,
  { liveKey }: TestPartner,
  changes: Record<string, unknown> = {},
): Promise<void> {
  const body = {
    spawnEnabled: true,
    maxSpawnDepth: 8,
    maxChildrenPerAgent: 10_000,
    maxAgentsPerRoot: 100_000,
    ...changes,
  };
  const { status } = await client.request('PUT', '/v1/agents/policy', { key: liveKey, body });
  if (status !== 200) throw new Error(`expected 200 for the spawn policy, got ${status}`);
}

/** Creates a key that can approve agents, as for a second person. */
export async function approverKey(client: ApiClient, { liveKey }: TestPartner): Promise<string> {
  const { body } = await client.post('/v1/keys', liveKey, { name: 'Approvals', scopes: ['agents:approve'] });
  return body.apiKey as string;
}

/** An event that every agent with `mir.*` in its allowlist may submit. */
export const AN_EVENT = { userExternalId: 'u-1', eventType: 'mir.transaction.completed' };

/** Submits an event with an API key and returns the response status. */
export async function eventStatus(
  client: ApiClient,
  key: string,
  headers: Record<string, string> = {},
): Promise<number> {
  return (await client.post('/v1/events', key, AN_EVENT, headers)).status;
}
