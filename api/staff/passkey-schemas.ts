import { z } from 'zod';
import { MAX_PASSKEY_NAME_LENGTH } from '../http/lengths';
import { lineSchema } from '../../shared/domain/line';
import type { PasskeyDoc } from '../../shared/store/passkeys';

const MAX_ID_LENGTH = 1_400;

const time = z.iso.datetime();

export const passkeyNameSchema = lineSchema(MAX_PASSKEY_NAME_LENGTH).meta({ examples: ['Work laptop'] });

export const passkeySchema = z
  .object({ passkeyId: z.string(), name: z.string(), createdAt: time, lastUsedAt: time.nullable() })
  .meta({ id: 'Passkey' });

export function presentPasskey({ _id, name, createdAt, lastUsedAt }: PasskeyDoc): z.infer<typeof passkeySchema> {
  return {
    passkeyId: _id,
    name,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  };
}

/** The options of a ceremony. */
export const ceremonySchema = z
  .object({
    challengeId: z.string().describe('Send it back together with the browser’s response, within five minutes.'),
    options: z
      .looseObject({ challenge: z.string() })
      .meta({ id: 'PasskeyOptions' })
      .describe('Options for `navigator.credentials`, in the JSON form of WebAuthn Level 3.'),
  })
  .meta({ id: 'PasskeyCeremony' });

/** The browser's response. Its content is checked against the challenge. */
export const browserResponseSchema = z
  .looseObject({ id: z.string().min(1).max(MAX_ID_LENGTH) })
  .meta({ id: 'PasskeyResponse' })
  .describe('The browser’s response in the JSON form of WebAuthn Level 3 (`toJSON()`).');
