import { z } from 'zod';
import { canonicalJson } from '../../shared/domain/canonical-json';
import type { Tenant } from '../../shared/domain/ids';
import type { CascadeDoc } from '../../shared/store/cascades';
import type { ApiContext } from '../context';
import { PublicError } from '../http/public-error';
import { cascadeSchema, presentCascade } from './present-cascade';

export const KILL_REPORT_TYPE = 'mir-kill-report+jws';

export const killReportSchema = cascadeSchema
  .extend({
    signature: z
      .string()
      .nullable()
      .describe(
        'A compact JWS (EdDSA) of the type `mir-kill-report+jws`. Its payload is this object without `signature`, as JSON with sorted keys and no whitespace. The keys are at `/.well-known/jwks.json`. Null until the audit entries are sealed, and for agents.',
      ),
  })
  .meta({ id: 'Cascade' });
export type KillReport = z.output<typeof killReportSchema>;

type Deps = Pick<ApiContext, 'store' | 'signer'>;

/** Returns a kill of any partner. Throws 404 if it does not exist. */
export async function findAnyCascade(
  { store }: { store: Pick<ApiContext['store'], 'cascades'> },
  cascadeId: string,
): Promise<CascadeDoc> {
  const cascade = await store.cascades.byId(cascadeId);
  if (!cascade) throw new PublicError('NOT_FOUND', 'Cascade not found.');
  return cascade;
}

/** Returns the cascade with the position of its audit entries, which it records once all of them are sealed. */
async function withSealedRange({ store }: Deps, cascade: CascadeDoc, audited: number): Promise<CascadeDoc> {
  const { _id: cascadeId, tenant, closedAt } = cascade;
  if (cascade.sealed || closedAt === null) return cascade;
  const range = await store.audit.sealedRangeOfCascade(tenant, cascadeId, audited);
  const last = range && (await store.audit.sealedAt(tenant, range.to));
  if (!last) return cascade;
  const sealed = { ...range, headHash: last.hash! };
  await store.cascades.recordSealed(tenant, cascadeId, sealed);
  return { ...cascade, sealed };
}

/** Returns what the signature of a report covers: everything else in it. */
export function signedTextOf({ signature: _signature, ...facts }: KillReport): string {
  return canonicalJson(facts);
}

/**
 * Returns the report of a kill, signed once it is closed and its audit entries are sealed. Throws 404 if it does not
 * exist or belongs to another tenant.
 */
export async function readKillReport(deps: Deps, tenant: Tenant, cascadeId: string): Promise<KillReport> {
  const { store, signer } = deps;
  const cascade = await store.cascades.get(tenant, cascadeId);
  if (!cascade) throw new PublicError('NOT_FOUND', 'Cascade not found. Check the ID and the environment.');
  const audited = await store.audit.countOfCascade(cascadeId);
  const sealed = await withSealedRange(deps, cascade, audited);
  const report: KillReport = { ...presentCascade(sealed, audited), signature: null };
  if (report.auditHeadHash === null) return report;
  return { ...report, signature: await signer.sign(signedTextOf(report), KILL_REPORT_TYPE) };
}

/**
 * Returns a report as an agent may see it: without the receivers of its partner, and without positions in the audit
 * chain, which would show how many entries the agent may not see.
 */
export function reportForAgent(report: KillReport): KillReport {
  return { ...report, receivers: [], auditFrom: null, auditTo: null, auditHeadHash: null, signature: null };
}
