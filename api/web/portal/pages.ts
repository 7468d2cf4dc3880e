import { agentPage, agentsPage, findAgentsPage } from './agents';
import { approvalsPage } from './approvals';
import { auditPage, filterAudit } from './audit';
import { createReceiver, deleteReceiver, deleteReceiverPage, newReceiverPage } from './change-receivers';
import { createWebhookPage, deleteWebhook, deleteWebhookPage, newWebhookPage } from './change-webhooks';
import { confirmLogIn, confirmLogInPage } from './confirm';
import { approvalPage, decideApproval } from './decide-approval';
import { editPolicy, editPolicyPage } from './edit-policy';
import { eventSentPage, sendEvent, sendEventPage } from './first-event';
import { guardrailsPage } from './guardrails';
import { createKeyPage, keysPage, newKeyPage, revokeKey, revokeKeyPage } from './keys';
import { changeMember, changeMemberPage, invite, invitePage, membersPage, withdrawInvitation } from './members';
import { newAgentPage, registerAgent } from './new-agent';
import { overviewPage } from './overview';
import { policyPage } from './policy';
import { receiversPage } from './receivers';
import { rejectionsPage } from './rejections';
import { killProgressPage, killReportPage, stopAgent, stopAgentPage } from './stop-agent';
import { usagePage } from './usage';
import { findUser, usersPage } from './users';
import { verifyAuditPage } from './verify-audit';
import { resendDelivery, testWebhook, webhookPage, webhooksPage } from './webhooks';

/** The pages about one environment of a partner, each with the scope that the member's role needs. */
export const MEMBER_PAGES = [
  overviewPage,
  keysPage,
  newKeyPage,
  createKeyPage,
  revokeKeyPage,
  revokeKey,
  sendEventPage,
  sendEvent,
  eventSentPage,
  rejectionsPage,
  usersPage,
  findUser,
  agentsPage,
  findAgentsPage,
  agentPage,
  stopAgentPage,
  stopAgent,
  killReportPage,
  killProgressPage,
  newAgentPage,
  registerAgent,
  approvalsPage,
  approvalPage,
  decideApproval,
  policyPage,
  editPolicyPage,
  editPolicy,
  guardrailsPage,
  receiversPage,
  newReceiverPage,
  createReceiver,
  deleteReceiverPage,
  deleteReceiver,
  membersPage,
  invitePage,
  invite,
  withdrawInvitation,
  changeMemberPage,
  changeMember,
  webhooksPage,
  newWebhookPage,
  createWebhookPage,
  webhookPage,
  testWebhook,
  resendDelivery,
  deleteWebhookPage,
  deleteWebhook,
  usagePage,
  auditPage,
  filterAudit,
  verifyAuditPage,
];

/** The pages with which members confirm their log-in. */
export const CONFIRM_PAGES = [confirmLogInPage, confirmLogIn];
