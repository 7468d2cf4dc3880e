import { UNCHECKED, verifyChain } from '../../shared/audit/verify-chain';
import type { Log } from '../../shared/log';
import { type AuditChain, BEFORE_ALL_CHAINS } from '../../shared/store/audit';
import type { ChainChecks } from '../../shared/store/chain-checks';
import type { Store } from '../../shared/store/store';

/** Time from the end of a round until the next one starts. */
export const ROUND_EVERY_MS = 3_600_000;
/** Maximum work of one run, so that the checks take a small share of the database's time. */
const MAX_ENTRIES_PER_RUN = 2_000;
const RUN_TIMEOUT_MS = 2_000;
/** Maximum number of chains that one run starts to verify. */
const MAX_CHAINS_PER_RUN = 20;
/** Maximum number of broken chains that are recorded. */
const MAX_RECORDED = 100;

interface Deps {
  store: Pick<Store, 'audit' | 'auditHeads' | 'chainChecks'>;
  log: Log;
}

/** Continues with the next chain, or ends the round. */
async function afterChain({ store }: Deps, checks: ChainChecks, chain: AuditChain, now: Date): Promise<ChainChecks> {
  const next = await store.auditHeads.nextChain(chain);
  if (next !== null) return { ...checks, current: { chain: next, ...UNCHECKED } };
  return { current: null, found: [], broken: checks.found, completedAt: now };
}

/**
 * Verifies a bounded part of the audit chains, and records how far it has come, so that workers verify all chains in
 * turn. A chain that is sealed faster than it is verified delays the others only until a run reaches its head.
 */
export async function checkChains(deps: Deps, now: Date): Promise<void> {
  const { store, log } = deps;
  let checks = await store.chainChecks.get();
  if (checks.current === null) {
    if (checks.completedAt !== null && now.getTime() - checks.completedAt.getTime() < ROUND_EVERY_MS) return;
    checks = await afterChain(deps, checks, BEFORE_ALL_CHAINS, now);
  }
  let left = MAX_ENTRIES_PER_RUN;
  for (let chains = 0; checks.current !== null && left > 0 && chains < MAX_CHAINS_PER_RUN; chains += 1) {
    const { chain, ...from } = checks.current;
    const verdict = await verifyChain(store, chain, from, { maxEntries: left, timeoutMs: RUN_TIMEOUT_MS });
    if (verdict.intact && !verdict.complete) {
      checks = { ...checks, current: { chain, ...verdict.checked } };
      break;
    }
    if (verdict.intact) left -= verdict.checked.seq - from.seq;
    else {
      const { seq, reason } = verdict.firstBroken;
      log.error({ chain, seq, reason }, 'audit chain is broken');
      checks = { ...checks, found: [...checks.found, chain].slice(0, MAX_RECORDED) };
    }
    checks = await afterChain(deps, checks, chain, now);
  }
  await store.chainChecks.put(checks);
}
