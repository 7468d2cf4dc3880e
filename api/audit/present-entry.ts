import { z } from 'zod';
import { type AuditDoc, contentOf } from '../../shared/store/audit';

export const actorSchema = z
  .discriminatedUnion('kind', [
    z
      .object({
        kind: z.literal('OPERATOR'),
        via: z.enum(['ADMIN_API', 'CLI', 'CONSOLE']),
        name: z
          .string()
          .optional()
          .describe('Who was logged in to the console, or who ran the command-line tool, as stated by that person.'),
        memberId: z.string().optional().describe('The operator who was logged in to the console.'),
      })
      .meta({ id: 'OperatorActor' }),
    z.object({ kind: z.literal('APPLICANT') }).meta({ id: 'ApplicantActor' }),
    z
      .object({ kind: z.literal('PARTNER'), partnerId: z.string(), keyId: z.string().optional() })
      .meta({ id: 'PartnerActor' }),
    z.object({ kind: z.literal('MEMBER'), memberId: z.string(), name: z.string() }).meta({ id: 'MemberActor' }),
    z.object({ kind: z.literal('FINDER') }).meta({ id: 'FinderActor' }),
    z.object({ kind: z.literal('AGENT'), agentId: z.string() }).meta({ id: 'AgentActor' }),
    z.object({ kind: z.literal('IDENTITY') }).meta({ id: 'IdentityActor' }),
    z.object({ kind: z.literal('SYSTEM') }).meta({ id: 'SystemActor' }),
  ])
  .meta({ id: 'Actor' });
export const ACTOR_KINDS = [
  'OPERATOR',
  'APPLICANT',
  'PARTNER',
  'MEMBER',
  'FINDER',
  'AGENT',
  'IDENTITY',
  'SYSTEM',
] as const;

/** An audit entry as the API returns it. Contains everything needed to verify an exported chain offline. */
export const auditEntrySchema = z
  .object({
    auditId: z.string(),
    chain: z.string().describe('The chain, identified by your partner ID and environment.'),
    partnerId: z.string().nullable(),
    action: z.string().meta({ examples: ['agent.suspended'] }),
    target: z.string(),
    actor: actorSchema,
    reason: z.string().nullable(),
    requestId: z.string(),
    cascadeId: z.string().nullable().describe('The kill that caused this entry.'),
    before: z.unknown(),
    after: z.unknown(),
    at: z.iso.datetime(),
    seq: z.int().nullable().describe('Position in the chain, starting at 1. Null until sealed, and for agents.'),
    previousHash: z.string().nullable().describe('`hash` of the previous entry. 64 zeros for the first entry.'),
    hash: z
      .string()
      .nullable()
      .describe('Hex SHA-256 of this object without `hash`, as JSON with sorted keys and no whitespace.'),
  })
  .meta({ id: 'AuditEntry' });
export type PresentedEntry = z.input<typeof auditEntrySchema>;

export function presentEntry(doc: AuditDoc): PresentedEntry {
  const { seq = null, previousHash = null, hash = null } = doc;
  const { at, ...content } = contentOf(doc);
  return { ...content, at: at.toISOString(), seq, previousHash, hash };
}
