import { z } from 'zod';

/** Rejects query parameters, so that a misplaced `?dryRun=true` cannot trigger an irreversible action. */
export const noQuery = z.strictObject({});
