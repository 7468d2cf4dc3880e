import { approvalsPage } from './approvals';
import { auditPage, filterAudit } from './audit';
import { createReceiver, deleteReceiver, deleteReceiverPage, newReceiverPage } from './change-receivers';
import { replaceAgentKey, replaceAgentKeyPage } from './agent-key';
import { agentPage } from './agent-page';
import { agentRowsPage, agentsPage, findAgentsPage } from './agents';
import { changeAgent, changeAgentPage } from './change-agent';
import { createWebhookPage, deleteWebhook, deleteWebhookPage, newWebhookPage } from './change-webhooks';
import { confirmLogIn, confirmLogInPage } from './confirm';
import { approvalPage, decideApproval } from './decide-approval';
import { editPolicy, editPolicyPage } from './edit-policy';
import { eventSentPage, sendEvent, sendEventPage } from './first-event';
import { guardrailsPage } from './guardrails';
import { changeMember, changeMemberPage, invite, invitePage, membersPage, withdrawInvitation } from './members';
import { newAgentPage, registerAgent } from './new-agent';
import { overviewPage } from './overview';
import { policyPage } from './policy';
import { receiversPage } from './receivers';
import { connectUser, connectUserPage } from './connect-user';
import { erasurePage, eraseUser, eraseUserPage, previewErasure } from './erase-user';
import { eventPage } from './events';
import { keyPage, rotateKey, rotateKeyPage } from './key-page';
import { keysPage, revokeKey, revokeKeyPage } from './keys';
import { createKeyPage, newKeyPage } from './new-key';
import { receiptPage } from './receipt-page';
import { receiptsPage } from './receipts';
import { rejectionsPage } from './rejections';
import { requestsPage } from './requests';
import { killProgressPage, killReportPage, stopAgent, stopAgentPage } from './stop-agent';
import { exportUsage, usagePage } from './usage';
import { suspendAgent, suspendAgentPage } from './suspend-agent';
import { findUser, usersPage } from './users';
import { verifyAuditPage } from './verify-audit';
import { resendDelivery, testWebhook, webhookPage, webhooksPage } from './webhooks';

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
