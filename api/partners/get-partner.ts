import { PublicError } from '../http/public-error';
import type { PartnerDoc } from '../../shared/store/partners';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { route } from '../http/route';

import { idParams } from '../http/schemas';
import { partnerSchema, presentPartner } from './present-partner';

/** Returns a partner. Throws 404 if it does not exist. */
export async function readPartner(
  { store }: Pick<ApiContext, 'store'>,
  partnerId: string,
  session?: StoreSession,
): Promise<PartnerDoc> {
  const partner = await store.partners.get(partnerId, session);
  if (!partner) throw new PublicError('NOT_FOUND', 'Partner not found. Check the ID.');
  return partner;
}

export const getPartnerRoute = route({
  operationId: 'getPartner',
  method: 'GET',
  path: '/admin/partners/:id',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Get a partner',
  params: idParams,
  answers: { 200: { description: 'The partner', schema: partnerSchema } },
  problems: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params }) => ({ status: 200, body: presentPartner(await readPartner(ctx, params.id)) }),
});
