import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';

/** Much shorter than a key is published before it signs. */
const CACHED_FOR_SECONDS = 300;

const publicKeySchema = z
  .object({
    kty: z.literal('OKP'),
    crv: z.literal('Ed25519'),
    alg: z.literal('EdDSA'),
    use: z.literal('sig'),
    kid: z.string().describe('The thumbprint of the key (RFC 7638).'),
    x: z.string(),
  })
  .meta({ id: 'SigningKey' });

export const listSigningKeysRoute = route({
  operationId: 'listSigningKeys',
  method: 'GET',
  path: '/.well-known/jwks.json',
  auth: { kind: 'public' },
  tag: 'Agents',
  summary: 'List the keys that verify kill reports and Security Event Tokens',
  description:
    'A JSON Web Key Set (RFC 7517). Contains every key that has signed, so that old reports can still be verified, and the next key a week before MIR uses it.',
  query: noQuery,
  answers: {
    200: {
      description: 'The keys, oldest first',
      schema: z.object({ keys: z.array(publicKeySchema) }).meta({ id: 'SigningKeys' }),
      headers: ['CacheControl'],
    },
  },
  problems: ['STORE_UNAVAILABLE'],
  handle: async ({ ctx }) => ({
    status: 200,
    body: { keys: await ctx.signer.publicKeys() },
    headers: { 'Cache-Control': `public, max-age=${CACHED_FOR_SECONDS}` },
  }),
});
