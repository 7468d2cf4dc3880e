import { approvalsPage } from './agents/approvals';
import { auditPage, filterAudit } from './audit/audit';
import { createReceiver, deleteReceiver, deleteReceiverPage, newReceiverPage } from './control/change-receivers';
import { replaceAgentKey, replaceAgentKeyPage } from './agents/agent-key';
import { agentPage } from './agents/agent-page';
import { agentRowsPage, agentsPage, findAgentsPage } from './agents/agents';
import { changeAgent, changeAgentPage } from './agents/change-agent';
import { createWebhookPage, deleteWebhook, deleteWebhookPage, newWebhookPage } from './webhooks/change-webhooks';
import { confirmLogIn, confirmLogInPage } from '../staff/confirm-log-in';
import { approvalPage, decideApproval } from './agents/decide-approval';
import { editPolicy, editPolicyPage } from './control/edit-policy';
import { eventSentPage, sendEvent, sendEventPage } from './events/first-event';
import { guardrailsPage } from './control/guardrails';
import { changeMember, changeMemberPage, invite, invitePage, membersPage, withdrawInvitation } from './members';
import { newAgentPage, registerAgent } from './agents/new-agent';
import { overviewPage } from './overview';
import { policyPage } from './control/policy';
import { receiversPage } from './control/receivers';
import { connectUser, connectUserPage } from './users/connect-user';
import { erasurePage, eraseUser, eraseUserPage, previewErasure } from './users/erase-user';
import { eventPage } from './events/events';
import { keyPage, rotateKey, rotateKeyPage } from './keys/key-page';
import { keysPage, revokeKey, revokeKeyPage } from './keys/keys';
import { createKeyPage, newKeyPage } from './keys/new-key';
import { receiptPage } from './events/receipt-page';
import { receiptsPage } from './events/receipts';
import { rejectionsPage } from './events/rejections';
import { requestsPage } from './events/requests';
import { killProgressPage, killReportPage, stopAgent, stopAgentPage } from './agents/stop-agent';
import { exportUsage, usagePage } from './usage';
import { suspendAgent, suspendAgentPage } from './agents/suspend-agent';
import { findUser, usersPage } from './users/users';
import { verifyAuditPage } from './audit/verify-audit';
import { enableWebhook, recoverWebhook } from './webhooks/repair-webhook';
import { resendDelivery, testWebhook, webhookPage, webhooksPage } from './webhooks/webhooks';

/** The pages about one environment of a partner, each with the scope that the member's role needs. */
export const MEMBER_PAGES = [
  overviewPage,
  keysPage,
  newKeyPage,
  createKeyPage,
  keyPage,
  rotateKeyPage,
  rotateKey,
  revokeKeyPage,
  revokeKey,
  sendEventPage,
  sendEvent,
  eventSentPage,
  receiptsPage,
  receiptPage,
  eventPage,
  requestsPage,
  rejectionsPage,
  usersPage,
  findUser,
  connectUserPage,
  connectUser,
  eraseUserPage,
  previewErasure,
  eraseUser,
  erasurePage,
  agentsPage,
  findAgentsPage,
  agentRowsPage,
  agentPage,
  changeAgentPage,
  changeAgent,
  replaceAgentKeyPage,
  replaceAgentKey,
  suspendAgentPage,
  suspendAgent,
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
  enableWebhook,
  recoverWebhook,
  deleteWebhookPage,
  deleteWebhook,
  usagePage,
  auditPage,
  filterAudit,
  verifyAuditPage,
  exportUsage,
];

/** The pages with which members confirm their log-in. */
export const CONFIRM_PAGES = [confirmLogInPage, confirmLogIn];
