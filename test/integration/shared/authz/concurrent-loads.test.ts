import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Authorizer, createAuthorizer } from '../../../../shared/authz/authorizer';
import { type AuthorityStore, authorityStore } from '../../../../shared/authz/authority-store';
import type { Admission } from '../../../../shared/authz/admission';
import { parseApiKey } from '../../../../shared/domain/api-key';
import { tenantOf } from '../../../../shared/domain/ids';
import { growTree, type GrownAgent } from '../../../support/grow-tree';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';

const AGENTS = 60;

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

/** A tree of agents that no process has cached. */
let tree: GrownAgent[];
beforeEach(async () => {
  const { partnerId } = await mir.partner();
  tree = await growTree(mir.ctx.store, tenantOf(partnerId, 'live'), AGENTS);
});

type ReadNodes = AuthorityStore['nodes'];

/**
 * Returns an authorizer as a process of its own would have, and the number of keys that it has read from MongoDB.
 * `readNodes` can delay its reads of nodes.
 */
function newAuthorizer(readNodes: (read: ReadNodes) => ReadNodes = (read) => read) {
  const { queueLink, keys, store, secrets } = mir.ctx;
  const authority = authorityStore(store, secrets);
  const reads = { keys: 0 };
  const key: AuthorityStore['key'] = (presented) => {
    reads.keys += 1;
    return authority.key(presented);
  };
  const read = { ...authority, key, nodes: readNodes((ids) => authority.nodes(ids)) };
  return { authorizer: createAuthorizer({ link: queueLink, keys, store: read }), reads };
}

/** Returns an authorizer whose reads of nodes wait, before or after they reach MongoDB, until `release` is called. */
function heldAuthorizer(when: 'before' | 'after') {
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  let reached!: () => void;
  const reading = new Promise<void>((resolve) => (reached = resolve));
  const { authorizer, reads } = newAuthorizer((read) => async (ids) => {
    const nodes = when === 'after' ? await read(ids) : [];
    reached();
    await released;
    return when === 'after' ? nodes : read(ids);
  });
  return { authorizer, reads, reading, release };
}

function authorize(authorizer: Authorizer, { key }: GrownAgent): Promise<Admission> {
  return authorizer.authorize(parseApiKey(key)!, 'requests', 'events:read', []);
}

describe('an authorizer whose cache is empty', () => {
  it('reads each key once when the keys of a whole tree are presented at the same time', async () => {
    const { authorizer, reads } = newAuthorizer();
    await Promise.all(tree.map((agent) => authorize(authorizer, agent)));
    expect(reads.keys).toBe(AGENTS);
  });

  it('caches shared rows although another process is still reading them', async () => {
    const slow = heldAuthorizer('before');
    const fast = heldAuthorizer('before');
    const waiting = authorize(fast.authorizer, tree[1]!);
    await fast.reading;
    const stillReading = authorize(slow.authorizer, tree[2]!);
    await slow.reading;
    fast.release();
    expect((await waiting).credential.agent!.agentId).toBe(tree[1]!.agentId);
    expect(fast.reads.keys).toBe(1);
    slow.release();
    expect((await stillReading).credential.agent!.agentId).toBe(tree[2]!.agentId);
    expect(slow.reads.keys).toBe(1);
  });

  it('does not cache what any of several readers read before a change', async () => {
    const readers = [heldAuthorizer('after'), heldAuthorizer('after')];
    const waiting = readers.map(({ authorizer }, n) => authorize(authorizer, tree[n + 1]!));
    const outcomes = Promise.allSettled(waiting);
    await Promise.all(readers.map(({ reading }) => reading));
    const root = tree[0]!;
    await mir.ctx.authorizer.withInvalidation(parseApiKey(root.key)!.tag, { nodes: [root.agentId] }, async () => {
      await mir.ctx.store.agents.model.updateOne({ _id: root.agentId }, { subtreeSuspendedAt: new Date() });
    });
    for (const { release } of readers) release();
    expect(await outcomes).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'AGENT_SUSPENDED' }) },
      { status: 'rejected', reason: expect.objectContaining({ code: 'AGENT_SUSPENDED' }) },
    ]);
  });
});
