import { agentPage, agentsPage, findAgentsPage } from './agents';
import { createWebhookPage, deleteWebhook, deleteWebhookPage, newWebhookPage } from './change-webhooks';
import { confirmLogIn, confirmLogInPage } from './confirm';
import { eventSentPage, sendEvent, sendEventPage } from './first-event';
import { createKeyPage, keysPage, newKeyPage, revokeKey, revokeKeyPage } from './keys';
import { changeMember, changeMemberPage, invite, invitePage, membersPage, withdrawInvitation } from './members';
import { overviewPage } from './overview';
import { rejectionsPage } from './rejections';
import { killProgressPage, killReportPage, stopAgent, stopAgentPage } from './stop-agent';
import { usagePage } from './usage';
import { findUser, usersPage } from './users';
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
];

/** The pages with which members confirm their log-in. */
export const CONFIRM_PAGES = [confirmLogInPage, confirmLogIn];
