import { z } from 'zod';
import { AUDIT_HEAD_TYPE } from '../../shared/audit/verify-stream';
import { canonicalJson } from '../../shared/domain/canonical-json';
import type { AuditChain } from '../../shared/store/audit';
import type { ApiContext } from '../context';
import type { StreamPosition } from './stream-cursor';

/** Minimum time between two heads that a client gets. */
export const HEAD_EVERY_MS = 60_000;

export const auditHeadSchema = z
  .object({
    chain: z.string(),
    seq: z.int().describe('Position of the last entry before this line.'),
    hash: z.string().describe('`hash` of that entry.'),
    sealedThrough: z.iso.datetime().describe('Latest `at` of any entry up to that one.'),
    signedAt: z.iso.datetime(),
  })
  .meta({ id: 'AuditHead' });
type AuditHead = z.output<typeof auditHeadSchema>;

/** Returns true if the chain has grown since the client's last head, which it got at least a minute ago. */
export function isHeadDue({ seq, headSeq, headAtMs }: StreamPosition, nowMs: number): boolean {
  return seq > headSeq && nowMs - headAtMs >= HEAD_EVERY_MS;
}

/** Signs the entry at a position as the head of everything before it. */
export async function signHead(
  { signer }: Pick<ApiContext, 'signer'>,
  chain: AuditChain,
  { seq, hash, throughMs }: StreamPosition,
  nowMs: number,
): Promise<{ head: AuditHead; signature: string }> {
  const times = { sealedThrough: new Date(throughMs).toISOString(), signedAt: new Date(nowMs).toISOString() };
  const head = { chain, seq, hash, ...times };
  return { head, signature: await signer.sign(canonicalJson(head), AUDIT_HEAD_TYPE) };
}
