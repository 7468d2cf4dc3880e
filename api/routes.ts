import { getCascade } from './agents/get-cascade';
import { AGENT_ROUTES } from './agents/routes';
import { getLineage } from './agents/get-lineage';
import { revokeDescendants } from './agents/revoke-descendants';
import { getTree } from './agents/get-tree';
import { listAudit } from './audit/list-audit';
import { verifyAudit } from './audit/verify-audit';
import { getEvent } from './events/get-event';
import { getReceipt } from './events/get-receipt';
import { listEventTypes } from './events/list-event-types';
import { listEvents } from './events/list-events';
import type { Route } from './http/route';
import { DEAD_LETTER_ROUTES } from './admin/dead-letter-routes';
import { apply } from './partners/submit-application';
import { approveApplication } from './partners/approve-application';
import { getPartner } from './partners/get-partner';
import { listApplications } from './partners/list-applications';
import { listPartners } from './partners/list-partners';
import { rejectApplication } from './partners/reject-application';
import { rotateKeys } from './partners/rotate-keys';
import { updatePartner } from './partners/update-partner';
import { codeToLink, inviteToLink } from './links/invite';
import { linkStatus } from './links/get-link-status';
import { WEBHOOK_ROUTES } from './links/webhook';
import { resolve } from './resolve/resolve';
import { ERASE_ROUTES } from './users/erase-user';

/** Partner routes, each served bare and under /v1. `POST /events` stands in app.ts: it has a path of its own. */
export const PARTNER_ROUTES: readonly Route[] = [
  resolve,
  listEvents,
  getReceipt,
  getEvent,
  listEventTypes,
  apply,
  inviteToLink,
  codeToLink,
  linkStatus,
  ...WEBHOOK_ROUTES,
  ...ERASE_ROUTES,
  listAudit,
  verifyAudit,
  // Before what has :id in its place.
  getTree,
  getCascade,
  getLineage,
  revokeDescendants,
  ...AGENT_ROUTES,
];

/** Operator routes, served bare only. */
export const ADMIN_ROUTES: readonly Route[] = [
  listApplications,
  approveApplication,
  rejectApplication,
  listPartners,
  getPartner,
  updatePartner,
  rotateKeys,
  ...DEAD_LETTER_ROUTES,
];
