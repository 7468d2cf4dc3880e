import { newAgentId } from '../../shared/domain/agent';
import { newApiKey } from '../../shared/domain/api-key';
import { envOf, partnerOf, tagOf, type Tenant } from '../../shared/domain/ids';
import type { AgentDoc } from '../../shared/store/agents';
import type { Store } from '../../shared/store/store';
import { rawCollection } from './raw-collection';

/** An agent in a grown tree, with its key in plaintext. */
export interface GrownAgent {
  agentId: string;
  key: string;
  depth: number;
  parentId: string | null;
  path: string;
}

const INSERT_BATCH = 1_000;
const MAX_DEPTH = 8;
/** Child counts, used in rotation to create both chains and wide levels. */
const FAN_OUTS = [3, 1, 9, 1, 2, 0, 3];

/** Returns a valid active agent with its key. `changes` can override any field. */
export function anAgent(
  tenant: Tenant,
  parent: AgentDoc | null,
  changes: Partial<AgentDoc> = {},
): { doc: AgentDoc; key: string } {
  const _id = newAgentId(tenant);
  const { key, hash, prefix } = newApiKey(envOf(tenant), tagOf(partnerOf(tenant)), true);
  const at = new Date();
  const doc: AgentDoc = {
    _id,
    tenant,
    name: `agent ${_id.slice(-6)}`,
    type: 'SERVICE_ACCOUNT',
    preset: 'STANDARD',
    allowedEventTypes: ['*'],
    rateLimitPerMinute: null,
    status: 'ACTIVE',
    parentId: parent?._id ?? null,
    rootId: parent?.rootId ?? _id,
    ancestors: parent ? [...parent.ancestors, parent._id] : [],
    depth: parent ? parent.depth + 1 : 0,
    path: `${parent?.path ?? ''}/${_id}`,
    membershipSource: parent ? 'SPAWNED' : 'REGISTERED',
    authorizer: null,
    key: { hash, prefix, createdAt: at },
    killedAt: null,
    subtreeSuspendedAt: null,
    approvalId: null,
    fingerprint: null,
    childCount: 0,
    treeSize: 1,
    treeRevision: 0,
    createdAt: at,
    updatedAt: at,
    lastActivityAt: null,
    ...changes,
  };
  return { doc, key };
}

/** Inserts agents without validation. */
async function insertAll(store: Pick<Store, 'agents'>, docs: AgentDoc[]): Promise<void> {
  for (let at = 0; at < docs.length; at += INSERT_BATCH) {
    await rawCollection(store.agents.model).insertMany(
      docs.slice(at, at + INSERT_BATCH).map((doc) => ({ ...doc })),
      { ordered: false },
    );
  }
}

/** Creates a tree of `size` active agents, up to eight levels deep, with mixed fan-out. Returns the root first. */
export async function growTree(
  store: Pick<Store, 'agents'>,
  tenant: Tenant,
  size: number,
  changesOf: (n: number) => Partial<AgentDoc> = () => ({}),
): Promise<GrownAgent[]> {
  const root = anAgent(tenant, null, { preset: 'ADMIN', treeSize: size, ...changesOf(0) });
  const grown = [root];
  let open = [root];
  while (grown.length < size) {
    const next: typeof grown = [];
    for (const [n, parent] of open.entries()) {
      if (parent.doc.depth >= MAX_DEPTH) continue;
      for (
        let child = 0;
        child < FAN_OUTS[(n + parent.doc.depth) % FAN_OUTS.length]! && grown.length < size;
        child += 1
      ) {
        const agent = anAgent(tenant, parent.doc, changesOf(grown.length));
        parent.doc.childCount += 1;
        grown.push(agent);
        next.push(agent);
      }
    }
    // Once the newest agents are at the maximum depth, adds more children to the agents above them, starting at the
    // root.
    open = next.some(({ doc }) => doc.depth < MAX_DEPTH) ? next : grown.filter(({ doc }) => doc.depth < MAX_DEPTH);
  }
  await insertAll(
    store,
    grown.map(({ doc }) => doc),
  );
  return grown.map(({ doc: { _id, depth, parentId, path }, key }) => ({ agentId: _id, key, depth, parentId, path }));
}
