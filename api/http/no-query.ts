import { z } from 'zod';

/** Rejects any query parameter, so that `?dryRun=true`, which belongs in the body, cannot trigger a real action. */
export const noQuery = z.strictObject({});
