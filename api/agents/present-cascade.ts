import { z } from 'zod';
import { partnerOf } from '../../shared/domain/ids';
import type { CascadeDoc } from '../../shared/store/cascades';
import { actorSchema } from '../audit/present-entry';
import { pushErrorSchema } from '../receivers/receiver-schemas';
import { EXAMPLE_URL } from '../webhooks/webhook-schemas';
import { cascadeStatusSchema } from './enum-schemas';

const time = z.iso.datetime();

const cascadeReceiverSchema = z
  .object({
    receiverId: z.string(),
    url: z.url().meta({ examples: [EXAMPLE_URL] }),
    acknowledgedAt: time.nullable().describe('Null until the receiver has acknowledged the kill.'),
    lastError: pushErrorSchema.nullable(),
  })
  .meta({ id: 'CascadeReceiver' });

/** A kill and its progress, without the signature. */
export const cascadeSchema = z.object({
  cascadeId: z.string(),
  partnerId: z.string(),
  agentId: z.string(),
  status: cascadeStatusSchema.describe(
    'CLOSED: all keys are deleted, and all revocations are audited. PARTIAL: some agents could not be revoked yet, and MIR keeps retrying.',
  ),
  reason: z.string().nullable(),
  actor: actorSchema.describe('Who ordered the kill.'),
  affected: z.int().nullable().describe('Number of agents to revoke. Null until counted.'),
  revoked: z.int(),
  audited: z.int(),
  parked: z.int().describe('Number of agents whose keys could not be deleted yet. MIR already rejects those keys.'),
  effectiveAt: time.nullable().describe('When the kill took effect. Null until confirmed.'),
  createdAt: time,
  closedAt: time.nullable(),
  containedAt: time
    .nullable()
    .describe(
      'When the last receiver acknowledged the kill; `effectiveAt` if there were no receivers. Null while an acknowledgement is missing.',
    ),
  receivers: z
    .array(cascadeReceiverSchema)
    .describe('The receivers that existed when the kill was ordered. Empty for agents.'),
  auditFrom: z
    .int()
    .nullable()
    .describe(
      'The first `seq` of the audit entries about the kill. Like the fields below, null until the kill is closed and all its entries are sealed, and for agents.',
    ),
  auditTo: z.int().nullable().describe('The last `seq` of these entries.'),
  auditHeadHash: z.string().nullable().describe('`hash` of the audit entry at `auditTo`.'),
});
export type PresentedCascade = z.output<typeof cascadeSchema>;

/** Returns when the kill was in force everywhere, receivers included, or null. */
function containedAt({ effectiveAt, receivers = [] }: CascadeDoc): Date | null {
  if (effectiveAt === null) return null;
  let latest = effectiveAt;
  for (const { acknowledgedAt } of receivers) {
    if (!acknowledgedAt) return null;
    if (acknowledgedAt > latest) latest = acknowledgedAt;
  }
  return latest;
}

const textOf = (at: Date | null | undefined): string | null => at?.toISOString() ?? null;

/** `audited` is the number of audit entries that the cascade has written. */
export function presentCascade(cascade: CascadeDoc, audited: number): PresentedCascade {
  const {
    _id,
    tenant,
    agentId,
    status,
    reason,
    actor,
    affected,
    revoked,
    parkedCount,
    receivers = [],
    sealed,
  } = cascade;
  return {
    cascadeId: _id,
    partnerId: partnerOf(tenant),
    agentId,
    status,
    reason,
    actor,
    affected,
    // The cascade's own counter can lag behind. The audit count does not, because each revocation commits together with
    // its audit entry.
    revoked: Math.max(revoked, audited),
    audited,
    parked: parkedCount,
    effectiveAt: textOf(cascade.effectiveAt),
    createdAt: cascade.createdAt.toISOString(),
    closedAt: textOf(cascade.closedAt),
    containedAt: textOf(containedAt(cascade)),
    receivers: receivers.map(({ receiverId, url, acknowledgedAt, lastError }) => ({
      receiverId,
      url,
      acknowledgedAt: textOf(acknowledgedAt),
      lastError: lastError ? { at: lastError.at.toISOString(), code: lastError.code } : null,
    })),
    auditFrom: sealed?.from ?? null,
    auditTo: sealed?.to ?? null,
    auditHeadHash: sealed?.headHash ?? null,
  };
}
