import { z } from 'zod';
import { type DeliveryDoc, MAX_LOGGED_ATTEMPTS } from '../../shared/store/deliveries';

const time = z.iso.datetime();

/** Statuses as the API shows them. */
export const DELIVERY_STATUSES = ['PENDING', 'DELIVERED', 'FAILED', 'SKIPPED'] as const;

const attemptSchema = z
  .object({
    at: time,
    responseCode: z.int().nullable().describe('Null if there was no response.'),
    durationMs: z.int(),
    error: z
      .string()
      .optional()
      .describe(
        'Why there was no response: `HOST_NOT_FOUND`, `CONNECTION_REFUSED`, `CONNECTION_CLOSED`, `CONNECTION_FAILED`, `TLS_FAILED`, `TIMEOUT` or `URL_NOT_ALLOWED`.',
      ),
  })
  .meta({ id: 'DeliveryAttempt' });

/** A message to one endpoint, without its content. */
export const deliverySchema = z
  .object({
    deliveryId: z.string().meta({ examples: ['dlv_7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d'] }),
    messageId: z
      .string()
      .describe('The `webhook-id` of the message, which is the same at all of your endpoints.')
      .meta({ examples: ['msg_1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f'] }),
    type: z.string().meta({ examples: ['link.confirmed'] }),
    status: z
      .enum(DELIVERY_STATUSES)
      .meta({ id: 'DeliveryStatus' })
      .describe(
        '`PENDING`: MIR has not finished its attempts. `SKIPPED`: not attempted, because the endpoint was disabled or had too many unfinished deliveries.',
      ),
    createdAt: time,
    attemptCount: z.int(),
    attempts: z.array(attemptSchema).describe(`The latest ${MAX_LOGGED_ATTEMPTS} attempts, oldest first.`),
  })
  .meta({ id: 'WebhookDelivery' });

export function presentDelivery(delivery: DeliveryDoc): z.input<typeof deliverySchema> {
  const { _id, messageId = _id, type, status, createdAt, attempts, attemptLog = [] } = delivery;
  return {
    deliveryId: _id,
    messageId,
    type,
    status: status === 'OPEN' ? 'PENDING' : status,
    createdAt: createdAt.toISOString(),
    attemptCount: attempts,
    attempts: attemptLog.map(({ at, responseCode, durationMs, error }) => ({
      at: at.toISOString(),
      responseCode,
      durationMs,
      ...(error !== undefined && { error }),
    })),
  };
}
