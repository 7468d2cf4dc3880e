import { newAgentId } from '../../shared/domain/agent';
import type { Tenant } from '../../shared/domain/ids';
import type { Store } from '../../shared/store/store';
import { anEntry } from './audit-entries';
import { anAgent, growTree } from './grow-tree';
import { insertPartner } from './harness';
import { rawCollection } from './raw-collection';

/** Returns the time of the n-th row. */
export function timeOf(n: number, rowsPerTime: number): Date {
  return new Date(Date.UTC(2026, 0, 1) + Math.floor(n / rowsPerTime) * 1_000);
}

/** Returns the ID of the n-th row of its kind. */
export function idOf(kind: string, owner: string, n: number): string {
  return `${kind}_${owner}_${String(n).padStart(5, '0')}`;
}

/**
 * Inserts `rows` rows of a tenant into each collection that has a list, or serves one. Returns the root of an agent tree
 * and the ID of an agent that has all other agents as children.
 */
export async function insertRows(
  store: Store,
  own: Tenant,
  { rows, rowsPerTime, partners }: { rows: number; rowsPerTime: number; partners: number },
): Promise<{ root: { agentId: string; path: string; key: string }; wide: string }> {
  const at = (n: number): Date => timeOf(n, rowsPerTime);
  const numbers = Array.from({ length: rows }, (_, n) => n);
  const insert = (model: { collection: unknown }, docs: { _id: string }[]) =>
    rawCollection(model).insertMany(docs, { ordered: false });
  await insert(
    store.events.model,
    numbers.map((n) => ({
      _id: idOf('evt', own, n),
      tenant: own,
      userRef: `user-${n % 2}`,
      eventType: n % 1_000 === 0 ? 'mir.review.posted' : 'mir.transaction.completed',
      ...(n % 3 === 0 ? { agentId: 'agt_1' } : {}),
      receivedAt: at(n),
      chunkId: `chunk-${n % 4}`,
      index: n,
    })),
  );
  await insert(
    store.receipts.model,
    numbers.map((n) => ({
      _id: idOf('c', own, n),
      tenant: own,
      total: 1,
      items: [],
      receivedAt: at(n),
      listedFor: own,
      ...(n % 3 === 0 ? { failuresOf: own } : {}),
    })),
  );
  await insert(
    store.rejectedEvents.model,
    numbers.map((n) => ({
      _id: idOf('rej', own, n),
      tenant: own,
      rejectedAt: at(n),
      code: n % 3 === 0 ? 'TOO_BIG' : 'REQUIRED',
    })),
  );
  await insert(
    store.usage.model,
    numbers.map((n) => ({ _id: idOf('use', own, n), tenant: own, kind: n % 2 ? 'events' : 'requests', at: at(n) })),
  );
  await insert(
    store.audit.model,
    numbers.map((n) => ({
      ...anEntry(own, {
        _id: idOf('aud', own, n),
        at: at(n),
        action: n % 3 === 0 ? 'agent.killed' : 'agent.suspended',
        target: n % 2 === 0 ? 'agt_1' : 'agt_2',
        cascadeId: n % 5 === 0 ? 'csc_1' : null,
        ...(n % 1_000 === 0 ? { actor: { kind: 'SYSTEM' } } : {}),
      }),
      sealed: n % 2 === 0,
      ...(n % 2 === 0 ? { seq: n / 2 + 1 } : {}),
    })),
  );
  const changesOf = (n: number) => ({
    createdAt: at(n),
    type: n % 500 === 0 ? ('AI_AGENT' as const) : ('SERVICE_ACCOUNT' as const),
    status: n % 4 === 0 ? ('SUSPENDED' as const) : ('ACTIVE' as const),
    ...(n % 3 === 0 ? { owner: { name: 'Ada Ops', email: 'ada@harbour.example' } } : {}),
  });
  const tree = await growTree(store, own, rows, changesOf);
  const parent = anAgent(own, null).doc;
  const children = numbers.map((n) => anAgent(own, parent, { _id: newAgentId(own), createdAt: at(n) }).doc);
  await insert(store.agents.model, [parent, ...children]);
  await insert(
    store.applications.model,
    numbers.map((n) => ({ _id: idOf('app', own, n), status: n % 2 ? 'PENDING' : 'REJECTED', createdAt: at(n) })),
  );
  for (let n = 0; n < partners; n += 1) await insertPartner(store, { createdAt: at(n * 20) });
  const outbox = (kind: string, status: string) =>
    numbers.map((n) => {
      const times = { nextLookAt: at(n), dueAt: at(n), erasedAt: at(n) };
      return { _id: idOf(kind, own, n), tenant: own, status, ...times };
    });
  await insert(store.erasures.model, outbox('ers', 'RUNNING'));
  await insert(store.erasures.model, outbox('erd', 'DONE'));
  const endpoint = (n: number) => ({ _id: idOf('whk', own, n), tenant: own, createdAt: at(n) });
  await insert(
    store.webhooks.model,
    numbers.map((n) => ({ ...endpoint(n), ...(n % 2 === 0 ? { failingSince: at(n) } : { disabledAt: at(n) }) })),
  );
  await insert(store.deliveries.model, outbox('dlv', 'OPEN'));
  await insert(store.cacheOutbox.model, outbox('ref', 'OPEN'));
  await insert(
    store.cascades.model,
    outbox('csc', 'RUNNING').map((row) => ({ ...row, closedAt: null })),
  );
  return { root: tree[0]!, wide: parent._id };
}
