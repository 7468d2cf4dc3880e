import { agentPage } from './agents/agent-page';
import { applicationPage } from './applications/application-page';
import { applicationsPage } from './applications/applications-page';
import { changePartner, changePartnerPage } from './partners/change-partner';
import { approveApplication, rejectApplication } from './applications/decide';
import { drop, dropPage, replayDeadLetter, replayDeadLetters } from './queues/change-dead-letters';
import { deadLetterPage } from './queues/dead-letter-page';
import { deadLettersPage } from './queues/dead-letters-page';
import { healthPage } from './health/health-page';
import { auditPage, filterAuditPage } from './audit/audit-page';
import { endpointPage } from './webhooks/endpoint-page';
import { endpointsPage } from './webhooks/endpoints-page';
import { erasureLive, erasurePage } from './erasures/erasure-page';
import { erasuresPage } from './erasures/erasures-page';
import { overviewPage } from './overview';
import { verifyAuditPage, verifyAuditStep } from './audit/verify-audit-page';
import { anyKillReportPage, killList, killsPage, liveKillReport } from './agents/kills-page';
import { partnerPage } from './partners/partner-page';
import { partnersPage } from './partners/partners-page';
import { replaceKeys, replaceKeysPage } from './partners/replace-keys';
import { revokeKey, revokeKeyPage } from './partners/revoke-key';
import { findAnything, searchPage } from './search/search-page';
import { reactivateAnyAgent, reactivateAnyAgentPage, stopAnyAgent, stopAnyAgentPage } from './agents/stop-any-agent';
import {
  reactivatePartner,
  reactivatePartnerPage,
  suspendPartner,
  suspendPartnerPage,
} from './partners/suspend-partner';

/** The pages of the console, each with the right that the operator's role needs. */
export const CONSOLE_PAGES = [
  overviewPage,
  applicationsPage,
  applicationPage,
  approveApplication,
  rejectApplication,
  healthPage,
  deadLettersPage,
  replayDeadLetters,
  deadLetterPage,
  replayDeadLetter,
  dropPage,
  drop,
  auditPage,
  filterAuditPage,
  verifyAuditPage,
  verifyAuditStep,
  erasuresPage,
  erasurePage,
  erasureLive,
  endpointsPage,
  endpointPage,
  partnersPage,
  partnerPage,
  changePartnerPage,
  changePartner,
  suspendPartnerPage,
  suspendPartner,
  reactivatePartnerPage,
  reactivatePartner,
  revokeKeyPage,
  revokeKey,
  replaceKeysPage,
  replaceKeys,
  searchPage,
  findAnything,
  agentPage,
  stopAnyAgentPage,
  stopAnyAgent,
  reactivateAnyAgentPage,
  reactivateAnyAgent,
  killsPage,
  // Before the path with `:id` in the same position.
  killList,
  anyKillReportPage,
  liveKillReport,
];
