import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newPartnerTag, partnerIdOf, tenantOf } from '../../../../shared/domain/ids';
import { readConfig } from '../../../../shared/config/config';
import { openRuntime, type Runtime } from '../../../../shared/runtime';
import type { AuditChain } from '../../../../shared/store/audit';
import { brokenChains } from '../../../../shared/store/chain-checks';
import { checkChains, ROUND_EVERY_MS } from '../../../../workers/audit/check-chains';
import { appendEntries, sealAll } from '../../../support/audit-entries';
import { freshEnv } from '../../../support/harness';
import { rawCollection } from '../../../support/raw-collection';

const ENTRIES = 2_500;

let runtime: Runtime;
let now = Date.UTC(2026, 0, 1);
beforeAll(async () => {
  runtime = await openRuntime(readConfig(freshEnv()), 'worker');
});
afterAll(async () => {
  await runtime.store.connection.dropDatabase();
  await runtime.close();
});

async function newChain(entries: number): Promise<AuditChain> {
  const chain = tenantOf(partnerIdOf(newPartnerTag()), 'live');
  await appendEntries(runtime.store, chain, entries);
  await sealAll(runtime.store, chain);
  return chain;
}

/** Starts a round and continues until it is complete. Returns the number of runs that it took. */
async function round(): Promise<number> {
  now += ROUND_EVERY_MS;
  for (let runs = 1; ; runs += 1) {
    await checkChains(runtime, new Date(now));
    const { completedAt } = await runtime.store.chainChecks.get();
    if (completedAt?.getTime() === now) return runs;
  }
}

const broken = async (): Promise<AuditChain[]> => [...brokenChains(await runtime.store.chainChecks.get())];

describe('checkChains', () => {
  it('completes a round without any chain, and starts the next one only after a while', async () => {
    expect(await round()).toBe(1);
    const before = await runtime.store.chainChecks.get();
    await checkChains(runtime, new Date(now + ROUND_EVERY_MS - 1));
    expect(await runtime.store.chainChecks.get()).toEqual(before);
  });

  it('verifies long chains over several runs, and records those that are broken until they are intact again', async () => {
    const chains = [await newChain(10), await newChain(ENTRIES), await newChain(10)];
    expect(await round()).toBeGreaterThan(1);
    expect(await broken()).toEqual([]);

    const entries = rawCollection(runtime.store.audit.model);
    const reasons = [0, 1].map(async (n) => {
      const filter = { chain: chains[n]!, seq: n === 0 ? 5 : ENTRIES - 1 };
      const { reason } = (await entries.findOne(filter))!;
      await entries.updateOne(filter, { $set: { reason: 'forged' } });
      return () => entries.updateOne(filter, { $set: { reason } });
    });
    const repairs = await Promise.all(reasons);
    await round();
    expect((await broken()).toSorted()).toEqual(chains.slice(0, 2).toSorted());

    await repairs[0]!();
    // Before the round is complete, the result of the last one still counts.
    now += ROUND_EVERY_MS;
    await checkChains(runtime, new Date(now));
    expect((await broken()).toSorted()).toEqual(chains.slice(0, 2).toSorted());
    await round();
    expect(await broken()).toEqual([chains[1]]);
    await repairs[1]!();
    await round();
    expect(await broken()).toEqual([]);
  });
});
