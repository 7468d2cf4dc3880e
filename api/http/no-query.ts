import { z } from 'zod';

/** Rejects query parameters on irreversible actions: `?dryRun=true`, which belongs in the body, must not trigger the real action. */
export const noQuery = z.strictObject({});
