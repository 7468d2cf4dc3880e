import { z } from 'zod';

/** The query of acts that cannot be taken back: `?dryRun=true` beside the body must not act. */
export const noQuery = z.strictObject({});
