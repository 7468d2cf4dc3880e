import { z } from 'zod';
import type { ErasureDoc } from '../../shared/store/erasures';

export const erasureSchema = z
  .object({
    receiptId: z.string(),
    status: z.enum(['RUNNING', 'DONE']),
    erasedAt: z.iso.datetime().describe('Events received up to this time are erased.'),
    eventsErased: z.int().describe('Number of stored events deleted so far. Excludes queued events.'),
    settledAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Erasure' });

export function presentErasure(doc: ErasureDoc): z.output<typeof erasureSchema> {
  const { _id, status, erasedAt, eventsErased, settledAt } = doc;
  return {
    receiptId: _id,
    status,
    erasedAt: erasedAt.toISOString(),
    eventsErased,
    settledAt: settledAt?.toISOString() ?? null,
  };
}
