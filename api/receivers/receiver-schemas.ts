import { z } from 'zod';
import { RECEIVER_FORMATS } from '../../shared/domain/receiver';
import type { ReceiverDoc } from '../../shared/store/receivers';
import { EXAMPLE_URL } from '../webhooks/webhook-schemas';

const EXAMPLE_RECEIVER_ID = 'rcv_3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c';

const time = z.iso.datetime();

export const formatSchema = z
  .enum(RECEIVER_FORMATS)
  .meta({ id: 'ReceiverFormat' })
  .describe(
    '`SET`: a Security Event Token (RFC 8417), signed with a key at `/.well-known/jwks.json` and pushed according to RFC 8935. `STANDARD_WEBHOOK`: a JSON message, signed with a secret of the receiver.',
  );

export const pushErrorSchema = z
  .object({ at: time, code: z.string().meta({ examples: ['HTTP_503'] }) })
  .meta({ id: 'PushError' })
  .describe('The latest failed attempt: an HTTP status such as `HTTP_503`, or an error code as in deliveries.');

/** A receiver, without its secret. */
export const receiverSchema = z
  .object({
    receiverId: z.string().meta({ examples: [EXAMPLE_RECEIVER_ID] }),
    url: z.url().meta({ examples: [EXAMPLE_URL] }),
    format: formatSchema,
    state: z
      .enum(['ACTIVE', 'FAILING'])
      .meta({ id: 'ReceiverState' })
      .describe('`FAILING` if the last attempt failed. MIR never disables a receiver.'),
    failingSince: time.nullable().describe('When attempts began to fail. Null if the last attempt succeeded.'),
    lastAcknowledgedAt: time.nullable().describe('Null if the receiver has not acknowledged any push yet.'),
    lastError: pushErrorSchema.nullable(),
    createdAt: time,
  })
  .meta({ id: 'Receiver' });

/** Presents a receiver to its partner. */
export function presentReceiver(receiver: ReceiverDoc): z.input<typeof receiverSchema> {
  const { _id, url, format, failingSince, lastAcknowledgedAt, lastError, createdAt } = receiver;
  return {
    receiverId: _id,
    url,
    format,
    state: failingSince ? 'FAILING' : 'ACTIVE',
    failingSince: failingSince?.toISOString() ?? null,
    lastAcknowledgedAt: lastAcknowledgedAt?.toISOString() ?? null,
    lastError: lastError ? { at: lastError.at.toISOString(), code: lastError.code } : null,
    createdAt: createdAt.toISOString(),
  };
}
