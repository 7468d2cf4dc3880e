import { z } from 'zod';
import { DEAD_LETTER_QUEUES } from '../../shared/queue/queues';

export const deadLetterParams = z.strictObject({ id: z.string().min(1).max(200) });

/** A dead letter in list responses, without its payload. */
export const deadLetterSchema = z.object({
  id: z.string(),
  queue: z.enum(DEAD_LETTER_QUEUES),
  partnerId: z.string().nullable(),
  env: z.enum(['live', 'test']).nullable(),
  events: z.number().int().nullable(),
  receivedAt: z.iso.datetime().nullable(),
  failedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().describe('When MIR may delete the dead letter because of its age.'),
  attempts: z.number().int(),
  failedReason: z
    .string()
    .describe("A code and its meaning. Search the worker's log for the job ID to find the original error message."),
});
