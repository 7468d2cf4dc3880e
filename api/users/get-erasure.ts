import { z } from 'zod';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { erasureSchema, presentErasure } from './present-erasure';

export const getErasureRoute = route({
  operationId: 'getErasure',
  method: 'GET',
  path: '/users/erase/:receiptId',
  auth: { kind: 'key', scope: 'users:erase', availableWithoutRedis: true },
  tag: 'Users',
  summary: 'Get the status of an erasure',
  params: z.object({ receiptId: z.string().max(100) }),
  answers: { 200: { description: 'The erasure, available for 30 days', schema: erasureSchema } },
  problems: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx: { store }, caller: { tenant }, params: { receiptId } }) => {
    const erasure = await store.erasures.get(tenant, receiptId);
    if (!erasure)
      throw new PublicError('NOT_FOUND', 'Erasure not found. Check the receipt ID; the status is kept for 30 days.');
    return { status: 200, body: presentErasure(erasure) };
  },
});
