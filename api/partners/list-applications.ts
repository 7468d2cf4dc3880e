import { z } from 'zod';
import { PublicError } from '../http/public-error';
import type { ApplicationStatus } from '../../shared/store/applications';
import type { ApiContext } from '../context';
import { pageQuery, pageSchema, presentPage, readCursor } from '../http/paging';
import { route } from '../http/route';

import {
  applicationSchema,
  applicationStatusSchema,
  presentApplication,
  type PresentedApplication,
} from './present-application';

/** Returns a page of applications, newest first. */
export async function pageOfApplications(
  { store, secrets }: Pick<ApiContext, 'store' | 'secrets'>,
  query: { status?: ApplicationStatus | undefined; limit: number; cursor?: string | undefined },
): Promise<{ data: PresentedApplication[]; nextCursor: string | null }> {
  const after = readCursor(secrets.cursor, 'admin', query.cursor);
  const page = await store.applications.list(query.status ?? null, after, query.limit);
  return presentPage(secrets.cursor, 'admin', page, presentApplication);
}

/** Returns an application. Throws 404 if it does not exist. */
export async function readApplication(
  { store }: Pick<ApiContext, 'store'>,
  applicationId: string,
): Promise<PresentedApplication> {
  const application = await store.applications.get(applicationId);
  if (!application) throw new PublicError('NOT_FOUND', 'Application not found. Check the ID.');
  return presentApplication(application);
}

export const listApplicationsRoute = route({
  operationId: 'listApplications',
  method: 'GET',
  path: '/admin/applications',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'List applications, newest first',
  query: z.strictObject({ ...pageQuery, status: applicationStatusSchema.optional() }),
  answers: {
    200: {
      description: 'A page of applications',
      schema: pageSchema('ApplicationPage', applicationSchema),
    },
  },
  problems: ['VALIDATION_FAILED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, query }) => ({ status: 200, body: await pageOfApplications(ctx, query) }),
});
