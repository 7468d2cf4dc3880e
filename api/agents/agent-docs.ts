import { z } from 'zod';

/** The agent in a path. */
export const agentParams = z.strictObject({ id: z.string().min(1).max(100) });

/** The header that AI agents send with every write. */
export const idempotencyHeader = [
  {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description: 'A quoted string or a bare token, at most 255 characters. Required of AI agents.',
    schema: { type: 'string' },
  },
];
