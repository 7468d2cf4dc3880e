import { z } from 'zod';
import type { ApplicationDoc } from '../../shared/store/applications';

const time = z.iso.datetime();

export const applicationStatusSchema = z.enum(['PENDING', 'APPROVED', 'REJECTED']).meta({ id: 'ApplicationStatus' });

/** An application as shown to operators. */
export const applicationSchema = z
  .object({
    applicationId: z.string(),
    name: z.string(),
    website: z.string(),
    contactEmail: z.string(),
    addressConfirmedAt: time
      .nullable()
      .describe('When someone opened the link that was emailed to the contact address. Null if nobody did.'),
    useCase: z.string(),
    status: applicationStatusSchema,
    reason: z.string().nullable(),
    partnerId: z.string().nullable(),
    createdAt: time,
    decidedAt: time.nullable(),
  })
  .meta({ id: 'Application' });
export type PresentedApplication = z.infer<typeof applicationSchema>;

export function presentApplication(application: ApplicationDoc): PresentedApplication {
  const { _id, name, website, contactEmail, useCase, status, reason, partnerId } = application;
  const { createdAt, decidedAt, addressConfirmedAt } = application;
  return {
    applicationId: _id,
    name,
    website,
    contactEmail,
    addressConfirmedAt: addressConfirmedAt?.toISOString() ?? null,
    useCase,
    status,
    reason: reason ?? null,
    partnerId: partnerId ?? null,
    createdAt: createdAt.toISOString(),
    decidedAt: decidedAt?.toISOString() ?? null,
  };
}
