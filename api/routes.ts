import { getCascadeRoute } from './agents/get-cascade';
import { approveAgentRoute } from './agents/approve-agent';
import { getAgentRoute } from './agents/get-agent';
import { getPolicyRoute } from './agents/get-policy';
import { listAgentsRoute } from './agents/list-agents';
import { listApprovalsRoute } from './agents/list-approvals';
import { updateAgentRoute } from './agents/update-agent';
import { putPolicyRoute } from './agents/put-policy';
import { reactivateAgentRoute } from './agents/reactivate-agent';
import { registerAgentRoute } from './agents/register-agent';
import { rejectAgentRoute } from './agents/reject-agent';
import { revokeAgentRoute } from './agents/revoke-agent';
import { rotateAgentKeyRoute } from './agents/rotate-agent-key';
import { spawnAgentRoute } from './agents/spawn-agent';
import { suspendAgentRoute } from './agents/suspend-agent';
import { getLineageRoute } from './agents/get-lineage';
import { revokeDescendantsRoute } from './agents/revoke-descendants';
import { getTreeRoute } from './agents/get-tree';
import { listSigningKeysRoute } from './agents/list-signing-keys';
import { findAgentsRoute } from './agents/find-agents';
import { introspectRoute } from './agents/introspect';
import { listAuditRoute } from './audit/list-audit';
import { streamAuditRoute } from './audit/stream-audit';
import { verifyAuditRoute } from './audit/verify-audit';
import { getEventRoute } from './events/get-event';
import { getReceiptRoute } from './events/get-receipt';
import { listEventTypesRoute } from './events/list-event-types';
import { listEventsRoute } from './events/list-events';
import { listReceiptsRoute } from './events/list-receipts';
import { listRejectedEventsRoute } from './events/list-rejected-events';
import { submitEventsRoute } from './events/submit-events';
import type { Route } from './http/route';
import { HEALTH_ROUTES } from './admin/probes';
import { deleteDeadLetterRoute } from './admin/delete-dead-letter';
import { getDeadLetterRoute } from './admin/get-dead-letter';
import { findAnyAgentsRoute } from './admin/find-any-agents';
import { killAnySubtreeRoute } from './admin/kill-any-subtree';
import { reactivateAnyAgentRoute } from './admin/reactivate-any-agent';
import { suspendAnyAgentRoute } from './admin/suspend-any-agent';
import { listDeadLettersRoute } from './admin/list-dead-letters';
import { replayDeadLetterRoute } from './admin/replay-dead-letter';
import { submitApplicationRoute } from './partners/submit-application';
import { getApplicationStatusRoute } from './partners/get-application-status';
import { approveApplicationRoute } from './partners/approve-application';
import { getPartnerRoute } from './partners/get-partner';
import { listApplicationsRoute } from './partners/list-applications';
import { listPartnersRoute } from './partners/list-partners';
import { rejectApplicationRoute } from './partners/reject-application';
import { rotateKeysRoute } from './partners/rotate-keys';
import { updatePartnerRoute } from './partners/update-partner';
import { createKeyRoute } from './keys/create-key';
import { getKeyRoute } from './keys/get-key';
import { listKeysRoute } from './keys/list-keys';
import { revokeKeyRoute } from './keys/revoke-key';
import { revokeLeakedKeyRoute } from './keys/revoke-leaked-key';
import { rotateKeyRoute } from './keys/rotate-key';
import { getOwnPartnerRoute } from './partners/get-own-partner';
import { createInviteRoute } from './links/create-invite';
import { createLinkCodeRoute } from './links/create-link-code';
import { getLinkStatusRoute } from './links/get-link-status';
import { createReceiverRoute } from './receivers/create-receiver';
import { deleteReceiverRoute } from './receivers/delete-receiver';
import { listReceiversRoute } from './receivers/list-receivers';
import { getUsageRoute } from './usage/get-usage';
import { resolveRoute } from './resolve/resolve';
import { eraseUserRoute } from './users/erase-user';
import { getErasureRoute } from './users/get-erasure';
import { createInvitationRoute } from './members/create-invitation';
import { deleteInvitationRoute } from './members/delete-invitation';
import { listInvitationsRoute } from './members/list-invitations';
import { listMembersRoute } from './members/list-members';
import { removeMemberRoute } from './members/remove-member';
import { updateMemberRoute } from './members/update-member';
import { acceptInvitationRoute } from './staff/accept-invitation';
import { confirmLogInRoute } from './staff/confirm-log-in';
import { confirmSecondFactorRoute } from './staff/confirm-second-factor';
import { createAccessTokenRoute } from './staff/create-access-token';
import { createPasskeyRoute } from './staff/create-passkey';
import { createSecondFactorRoute } from './staff/create-second-factor';
import { deletePasskeyRoute } from './staff/delete-passkey';
import { endSessionRoute } from './staff/end-session';
import { getAccountRoute } from './staff/get-account';
import { listPasskeysRoute } from './staff/list-passkeys';
import { listSessionsRoute } from './staff/list-sessions';
import { logInRoute } from './staff/log-in';
import { removeSecondFactorRoute } from './staff/remove-second-factor';
import { requestPasswordRoute } from './staff/request-password';
import { resetPasswordRoute } from './staff/reset-password';
import { startPasskeyRoute } from './staff/start-passkey';
import { updateAccountRoute } from './staff/update-account';
import { logInWithPasskeyRoute, startPasskeyLogInRoute } from './staff/log-in-with-passkey';
import { createWebhookRoute } from './webhooks/create-webhook';
import { deleteFirstWebhookRoute } from './webhooks/delete-first-webhook';
import { deleteWebhookRoute } from './webhooks/delete-webhook';
import { getFirstWebhookRoute } from './webhooks/get-first-webhook';
import { getWebhookRoute } from './webhooks/get-webhook';
import { listDeliveriesRoute } from './webhooks/list-deliveries';
import { listWebhooksRoute } from './webhooks/list-webhooks';
import { putFirstWebhookRoute } from './webhooks/put-first-webhook';
import { recoverWebhookRoute } from './webhooks/recover-webhook';
import { resendDeliveryRoute } from './webhooks/resend-delivery';
import { rotateWebhookSecretRoute } from './webhooks/rotate-secret';
import { testWebhookRoute } from './webhooks/test-webhook';
import { updateWebhookRoute } from './webhooks/update-webhook';

/** Routes about members, and about the accounts of members and operators. */
const STAFF_ROUTES: readonly Route[] = [
  logInRoute,
  listSessionsRoute,
  confirmLogInRoute,
  startPasskeyLogInRoute,
  logInWithPasskeyRoute,
  endSessionRoute,
  createAccessTokenRoute,
  getAccountRoute,
  updateAccountRoute,
  requestPasswordRoute,
  resetPasswordRoute,
  acceptInvitationRoute,
  createSecondFactorRoute,
  confirmSecondFactorRoute,
  removeSecondFactorRoute,
  startPasskeyRoute,
  createPasskeyRoute,
  listPasskeysRoute,
  deletePasskeyRoute,
  listMembersRoute,
  listInvitationsRoute,
  createInvitationRoute,
  deleteInvitationRoute,
  updateMemberRoute,
  removeMemberRoute,
];

/**
 * Partner routes, each served both without a prefix and under `/v1`, unless it is `v1Only`. Busiest first, because
 * Express tries them in this order.
 */
export const PARTNER_ROUTES: readonly Route[] = [
  submitEventsRoute,
  resolveRoute,
  introspectRoute,
  listEventsRoute,
  getReceiptRoute,
  listReceiptsRoute,
  getEventRoute,
  listRejectedEventsRoute,
  listEventTypesRoute,
  submitApplicationRoute,
  getApplicationStatusRoute,
  createInviteRoute,
  createLinkCodeRoute,
  getLinkStatusRoute,
  putFirstWebhookRoute,
  getFirstWebhookRoute,
  deleteFirstWebhookRoute,
  eraseUserRoute,
  getErasureRoute,
  getUsageRoute,
  listAuditRoute,
  verifyAuditRoute,
  streamAuditRoute,
  // Literal paths come before paths that have `:id` in the same position.
  getTreeRoute,
  findAgentsRoute,
  getCascadeRoute,
  getLineageRoute,
  revokeDescendantsRoute,
  listAgentsRoute,
  registerAgentRoute,
  getPolicyRoute,
  putPolicyRoute,
  listApprovalsRoute,
  approveAgentRoute,
  rejectAgentRoute,
  getAgentRoute,
  updateAgentRoute,
  suspendAgentRoute,
  reactivateAgentRoute,
  revokeAgentRoute,
  rotateAgentKeyRoute,
  spawnAgentRoute,
  listReceiversRoute,
  createReceiverRoute,
  deleteReceiverRoute,
  getOwnPartnerRoute,
  listKeysRoute,
  createKeyRoute,
  revokeLeakedKeyRoute,
  getKeyRoute,
  rotateKeyRoute,
  revokeKeyRoute,
  ...STAFF_ROUTES,
  listWebhooksRoute,
  createWebhookRoute,
  getWebhookRoute,
  updateWebhookRoute,
  deleteWebhookRoute,
  listDeliveriesRoute,
  resendDeliveryRoute,
  testWebhookRoute,
  rotateWebhookSecretRoute,
  recoverWebhookRoute,
];

export const ADMIN_ROUTES: readonly Route[] = [
  listApplicationsRoute,
  approveApplicationRoute,
  rejectApplicationRoute,
  listPartnersRoute,
  getPartnerRoute,
  updatePartnerRoute,
  rotateKeysRoute,
  findAnyAgentsRoute,
  listDeadLettersRoute,
  getDeadLetterRoute,
  replayDeadLetterRoute,
  deleteDeadLetterRoute,
  suspendAnyAgentRoute,
  reactivateAnyAgentRoute,
  killAnySubtreeRoute,
];

/** Routes served only without a prefix. */
export const BARE_ROUTES: readonly Route[] = [...ADMIN_ROUTES, listSigningKeysRoute, ...HEALTH_ROUTES];
