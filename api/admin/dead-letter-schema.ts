import { z } from 'zod';
import { DEAD_LETTER_QUEUES } from '../../shared/queue/jobs';

export const deadLetterParams = z.strictObject({ id: z.string().min(1).max(200) });

/** A dead letter as responses list it: without its payload. */
export const deadLetterSchema = z.object({
  id: z.string(),
  queue: z.enum(DEAD_LETTER_QUEUES),
  partnerId: z.string().nullable(),
  env: z.enum(['live', 'test']).nullable(),
  events: z.number().int().nullable(),
  receivedAt: z.iso.datetime().nullable(),
  failedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().describe('From then on it may be deleted for its age.'),
  attempts: z.number().int(),
  failedReason: z
    .string()
    .describe(
      'A code and what it means. The words of a store or a driver are in the worker’s log, under the job’s id.',
    ),
});
