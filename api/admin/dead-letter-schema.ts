import { z } from 'zod';
import { DEAD_LETTER_QUEUES } from '../../shared/queue/queues';
import { environmentSchema } from '../http/schemas';

export const deadLetterParams = z.strictObject({ id: z.string().min(1).max(200).meta({ parameter: 'DeadLetterId' }) });

export const deadLetterQueueSchema = z.enum(DEAD_LETTER_QUEUES).meta({ id: 'DeadLetterQueue' });

/** A dead letter in list responses, without its payload. */
export const deadLetterSchema = z
  .object({
    id: z.string(),
    queue: deadLetterQueueSchema,
    partnerId: z.string().nullable(),
    env: environmentSchema.nullable(),
    events: z.number().int().nullable(),
    receivedAt: z.iso.datetime().nullable(),
    failedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().describe('When the dead letter expires.'),
    attempts: z.number().int(),
    failedReason: z
      .string()
      .describe("A code and its meaning. Search the worker's log for the job ID to find the original error message."),
  })
  .meta({ id: 'DeadLetter' });
