import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyChain, UNCHECKED } from '../../../../shared/audit/verify-chain';
import { newPartnerTag, partnerIdOf, tenantOf } from '../../../../shared/domain/ids';
import { type Runtime, openRuntime } from '../../../../shared/runtime';
import { readConfig } from '../../../../shared/config/config';
import type { AuditChain, AuditDoc } from '../../../../shared/store/audit';
import { sealPage } from '../../../../workers/audit/seal-page';
import { sealChain } from '../../../../workers/audit/seal-chain';
import { startSealer } from '../../../../workers/audit/sealer';
import { anEntry, appendEntries, sealAll, sealedEntries } from '../../../support/audit-entries';
import { freshEnv } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';

const NO_BOUNDS = { maxEntries: 1_000_000, timeoutMs: 60_000 };

let runtime: Runtime;
let other: Runtime;
beforeAll(async () => {
  const config = readConfig(freshEnv());
  runtime = await openRuntime(config, 'worker');
  other = await openRuntime(config, 'worker');
});
afterAll(async () => {
  await runtime.store.connection.dropDatabase();
  await other.close();
  await runtime.close();
});

const newChain = (): AuditChain => tenantOf(partnerIdOf(newPartnerTag()), 'live');
const verify = (chain: AuditChain) => verifyChain(runtime.store, chain, UNCHECKED, NO_BOUNDS);
const sealerOf = ({ store, queueLink, keys, log, metrics }: Runtime) =>
  startSealer({ store, link: queueLink, keys, log, metrics });

describe('sealing an audit chain', () => {
  it('numbers entries from 1 in order of time and then ID', async () => {
    const chain = newChain();
    const at = (n: number): Date => new Date(1_000 + n);
    const entries = [
      anEntry(chain, { _id: 'aud_c', at: at(1) }),
      anEntry(chain, { _id: 'aud_a', at: at(2) }),
      anEntry(chain, { _id: 'aud_b', at: at(1) }),
    ];
    await runtime.store.transaction((session) => runtime.store.audit.appendMany(entries, session), 5_000);
    await sealAll(runtime.store, chain);
    const sealed = await sealedEntries(runtime.store, chain);
    expect(sealed.map(({ _id, seq }) => [_id, seq])).toEqual([
      ['aud_b', 1],
      ['aud_c', 2],
      ['aud_a', 3],
    ]);
    expect(sealed.map(({ previousHash }) => previousHash).slice(1)).toEqual(sealed.map(({ hash }) => hash).slice(0, 2));
    expect(await runtime.store.auditHeads.get(chain)).toEqual({
      _id: chain,
      seq: 3,
      hash: sealed[2]!.hash,
      sealedThrough: at(2),
    });
  });

  it('appends a late entry after the sealed entries, without rewriting any of them', async () => {
    const chain = newChain();
    await appendEntries(runtime.store, chain, 3);
    await sealAll(runtime.store, chain);
    const before = await sealedEntries(runtime.store, chain);
    await appendEntries(runtime.store, chain, 1, { _id: `late_${chain}`, at: new Date(0) });
    await sealAll(runtime.store, chain);
    const after = await sealedEntries(runtime.store, chain);
    expect(after.slice(0, 3)).toEqual(before);
    expect(after[3]).toMatchObject({ _id: `late_${chain}`, seq: 4 });
    expect(await verify(chain)).toMatchObject({ intact: true, complete: true, checked: { seq: 4 } });
  });

  it('lets exactly one of several sealers seal each page, without creating forks or gaps in the chain', async () => {
    const chain = newChain();
    const { signal } = new AbortController();
    await appendEntries(runtime.store, chain, 600);
    const late = async (): Promise<void> => {
      for (let n = 0; n < 10; n += 1) await appendEntries(other.store, chain, 20);
    };
    const arriving = late();
    for (let round = 1; round <= 10; round += 1) {
      const page = await runtime.store.audit.model
        .find({ chain, sealed: false })
        .sort({ at: 1, _id: 1 })
        .limit(50)
        .lean<AuditDoc[]>();
      const outcomes = await Promise.all([runtime, other, other].map(({ store }) => sealPage(store, chain, page)));
      expect(outcomes.toSorted()).toEqual(['overtaken', 'overtaken', 'sealed']);
      expect(await runtime.store.auditHeads.get(chain)).toMatchObject({ seq: 50 * round });
    }
    await arriving;
    await sealChain(runtime.store, chain, { signal, onSealed: () => undefined });
    const numbers = (await sealedEntries(runtime.store, chain)).map(({ seq }) => seq);
    expect(numbers).toEqual(Array.from({ length: 800 }, (_, n) => n + 1));
    expect(await verify(chain)).toMatchObject({ intact: true, complete: true, checked: { seq: 800 } });
  });

  it('does not seal any entries on a page that another sealer has partly sealed', async () => {
    const chain = newChain();
    await appendEntries(runtime.store, chain, 10);
    const page = await runtime.store.audit.model.find({ chain }).sort({ at: 1, _id: 1 }).lean<AuditDoc[]>();
    expect(await sealPage(other.store, chain, page.slice(5))).toBe('sealed');
    expect(await sealPage(runtime.store, chain, page)).toBe('overtaken');
    expect(await runtime.store.audit.countUnsealed(chain)).toBe(5);
    await sealAll(runtime.store, chain);
    expect(await verify(chain)).toMatchObject({ intact: true, complete: true, checked: { seq: 10 } });
  });
});

describe('startSealer', () => {
  it('seals every chain with unsealed entries alongside another worker, and counts each entry once', async () => {
    const chains = Array.from({ length: 5 }, newChain);
    for (const chain of chains) await appendEntries(runtime.store, chain, 30);
    const sealers = [sealerOf(runtime), sealerOf(other)];
    await waitUntil('all entries are sealed', async () => (await runtime.store.audit.countUnsealed()) === 0);
    await Promise.all(sealers.map((sealer) => sealer.stop()));
    for (const chain of chains) expect(await verify(chain)).toMatchObject({ intact: true, checked: { seq: 30 } });
    const counted = await Promise.all([runtime, other].map(({ metrics }) => metrics.auditSealed.get()));
    const total = counted.reduce((sum, { values }) => sum + values[0]!.value, 0);
    expect(total).toBe(150);
  });

  it('stops after the current page, and lets another sealer continue from there', async () => {
    const chain = newChain();
    await appendEntries(runtime.store, chain, 5_000);
    const first = sealerOf(runtime);
    await waitUntil('a page is sealed', async () => (await runtime.store.auditHeads.get(chain)) !== null);
    await first.stop();
    const left = await runtime.store.audit.countUnsealed(chain);
    const second = sealerOf(other);
    await waitUntil('all entries are sealed', async () => (await runtime.store.audit.countUnsealed(chain)) === 0);
    await second.stop();
    expect(left % 1_000).toBe(0);
    expect(await verify(chain)).toMatchObject({ intact: true, complete: true, checked: { seq: 5_000 } });
  });

  it('continues with the other chains if one chain cannot be sealed', async () => {
    const [broken, healthy] = [newChain(), newChain()].sort() as [AuditChain, AuditChain];
    await appendEntries(runtime.store, broken, 3);
    await sealAll(runtime.store, broken);
    await runtime.store.auditHeads.model.deleteOne({ _id: broken });
    await appendEntries(runtime.store, broken, 1);
    await appendEntries(runtime.store, healthy, 2);
    const sealer = sealerOf(runtime);
    await waitUntil(
      'the healthy chain is sealed',
      async () => (await runtime.store.audit.countUnsealed(healthy)) === 0,
    );
    await sealer.stop();
    expect(await runtime.store.audit.countUnsealed(broken)).toBe(1);
    expect(await verify(healthy)).toMatchObject({ intact: true, checked: { seq: 2 } });
    expect(await verify(broken)).toMatchObject({ intact: false, firstBroken: { reason: 'HEAD_CHANGED' } });
  });
});
