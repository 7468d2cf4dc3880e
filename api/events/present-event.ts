import { z } from 'zod';
import { metadataSchema } from '../../shared/domain/event';
import type { EventDoc } from '../../shared/store/events';

/** An event as the API returns it. */
export const eventSchema = z
  .object({
    eventId: z.string(),
    userRef: z.string().describe('Keyed hash of your user ID. MIR never stores the ID itself.'),
    userExternalId: z.string().optional().describe('Your user ID. Returned only if you filtered by it.'),
    eventType: z.string(),
    occurredAt: z.iso.datetime(),
    receivedAt: z.iso.datetime(),
    weight: z.number(),
    metadata: metadataSchema.nullable(),
    agentId: z.string().nullable(),
  })
  .meta({ id: 'Event' });

export function presentEvent(doc: EventDoc, userExternalId?: string): z.input<typeof eventSchema> {
  return {
    eventId: doc._id,
    userRef: doc.userRef,
    ...(userExternalId === undefined ? {} : { userExternalId }),
    eventType: doc.eventType,
    occurredAt: doc.occurredAt.toISOString(),
    receivedAt: doc.receivedAt.toISOString(),
    weight: doc.weight,
    metadata: doc.metadata ?? null,
    agentId: doc.agentId ?? null,
  };
}
