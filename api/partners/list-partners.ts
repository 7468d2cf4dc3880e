import { z } from 'zod';
import type { ApiContext } from '../context';
import { pageQuery, pageSchema, presentPage, readCursor } from '../http/paging';
import { route } from '../http/route';

import { partnerSchema, presentPartner, type PresentedPartner } from './present-partner';

/** Returns a page of partners, newest first. */
export async function pageOfPartners(
  { store, secrets }: Pick<ApiContext, 'store' | 'secrets'>,
  query: { limit: number; cursor?: string | undefined },
): Promise<{ data: PresentedPartner[]; nextCursor: string | null }> {
  const after = readCursor(secrets.cursor, 'admin', query.cursor);
  const page = await store.partners.list(after, query.limit);
  return presentPage(secrets.cursor, 'admin', page, presentPartner);
}

export const listPartnersRoute = route({
  operationId: 'listPartners',
  method: 'GET',
  path: '/admin/partners',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'List partners, newest first',
  query: z.strictObject(pageQuery),
  answers: {
    200: {
      description: 'A page of partners',
      schema: pageSchema('PartnerPage', partnerSchema),
    },
  },
  problems: ['VALIDATION_FAILED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, query }) => ({ status: 200, body: await pageOfPartners(ctx, query) }),
});
