import { z } from 'zod';
import { MAX_LABEL_LENGTH } from '../../shared/domain/link';
import { labelSchema } from '../../shared/domain/line';

export const accountLabelSchema = labelSchema(MAX_LABEL_LENGTH)
  .describe('The account as the user knows it, such as a masked email address. Shown to the user before they confirm.')
  .meta({ examples: ['h•••r@harbour.example'] });

export const userRefSchema = z.string().describe('Identifies the user in webhook messages and in `GET /v1/events`.');

/** Problems that can occur when a partner creates any kind of link request. */
export const LINK_REQUEST_PROBLEMS = [
  'INVALID_JSON',
  'VALIDATION_FAILED',
  'TOO_MANY_LINK_REQUESTS',
  'LINKING_UNAVAILABLE',
  'STORE_UNAVAILABLE',
] as const;
