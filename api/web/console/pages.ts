import { agentPage } from './agent-page';
import { applicationPage } from './application-page';
import { applicationsPage } from './applications-page';
import { changePartner, changePartnerPage } from './change-partner';
import { approveApplication, rejectApplication } from './decide';
import { drop, dropPage, replayDeadLetter, replayDeadLetters } from './change-dead-letters';
import { deadLetterPage } from './dead-letter-page';
import { deadLettersPage } from './dead-letters-page';
import { healthPage } from './health-page';
import { auditPage, filterAuditPage } from './audit-page';
import { endpointPage } from './endpoint-page';
import { endpointsPage } from './endpoints-page';
import { erasureLive, erasurePage } from './erasure-page';
import { erasuresPage } from './erasures-page';
import { overviewPage } from './overview';
import { verifyAuditPage, verifyAuditStep } from './verify-audit-page';
import { anyKillReportPage, killList, killsPage, liveKillReport } from './kills-page';
import { partnerPage } from './partner-page';
import { partnersPage } from './partners-page';
import { replaceKeys, replaceKeysPage } from './replace-keys';
import { revokeKey, revokeKeyPage } from './revoke-key';
import { findAnything, searchPage } from './search-page';
import { reactivateAnyAgent, reactivateAnyAgentPage, stopAnyAgent, stopAnyAgentPage } from './stop-any-agent';
import { reactivatePartner, reactivatePartnerPage, suspendPartner, suspendPartnerPage } from './suspend-partner';

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
