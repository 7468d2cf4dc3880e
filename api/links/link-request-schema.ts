import { z } from 'zod';
import { MAX_LABEL_LENGTH } from '../../shared/domain/link';
import { labelSchema } from '../../shared/domain/line';

export const accountLabelSchema = labelSchema(MAX_LABEL_LENGTH)
  .describe('The account as its owner knows it, e.g. a masked name. Shown where the link is confirmed.')
  .meta({ examples: ['h•••r@harbour.example'] });

export const userRefSchema = z
  .string()
  .describe('Names the user in `link.confirmed` and `link.removed`, and in `GET /v1/events`.');

/** Problems that creating any kind of link request can return. */
export const LINK_REQUEST_PROBLEMS = [
  'INVALID_JSON',
  'VALIDATION_FAILED',
  'TOO_MANY_LINK_REQUESTS',
  'LINKING_UNAVAILABLE',
  'STORE_UNAVAILABLE',
] as const;
