import { z } from 'zod';
import type { PartnerId } from '../domain/ids';

/** What a key may be allowed to do. */
export const SCOPES = [
  'events:write',
  'events:read',
  'resolve:read',
  'links:write',
  'users:erase',
  'agents:manage',
] as const;
export type Scope = (typeof SCOPES)[number];

export const credentialSchema = z.object({
  partnerId: z.string().transform((id) => id as PartnerId),
  env: z.enum(['live', 'test']),
  plan: z.enum(['STANDARD', 'ENTERPRISE']),
  /** Why the key may do nothing now, or null. */
  blocked: z.enum(['PARTNER_SUSPENDED']).nullable(),
  scopes: z.array(z.enum(SCOPES)),
  limits: z.object({ eventsPerMinute: z.number().int(), requestsPerMinute: z.number().int() }),
});

/** Who a key is and what it may do, as the door needs it. */
export type Credential = z.infer<typeof credentialSchema>;
export type Policy = 'events' | 'requests';

/** Tokens per minute that a credential has of a policy. */
export function capacityOf(credential: Credential, policy: Policy): number {
  return policy === 'events' ? credential.limits.eventsPerMinute : credential.limits.requestsPerMinute;
}
