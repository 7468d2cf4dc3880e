import { errorTypePage, guidePage } from './guide/guide-page';
import { OPERATOR_PAGES } from './console/queues/log-in';
import { CONSOLE_PAGES } from './console/pages';
import { partnersPage } from './applications/about';
import { apply, applyPage } from './applications/apply';
import { confirm, confirmPage } from './applications/confirm';
import { showStatus, statusPage } from './applications/status';
import { accountPage } from './account/account';
import { deleteIdentity, deletePage } from './account/delete';
import { disconnect, disconnectPage } from './account/disconnect';
import { exportAccount } from './account/export';
import { forgot, forgotPage } from './auth/forgot';
import { logIn, logInPage, logOut } from './auth/log-in';
import { startProviderLogIn, completeProviderLogIn } from './auth/log-in-by-provider';
import { outboxPage } from './auth/outbox';
import { resend, resendPage } from './auth/resend';
import { reset, resetPage } from './auth/reset';
import { signUp, signUpPage } from './auth/sign-up';
import { verify, verifyPage } from './auth/verify';
import { runbookPage } from './runbook/runbook-page';
import { homePage } from './home';
import { codePage, submitCode } from './links/link-by-code';
import { decideInvite, invitePage } from './links/link-by-invite';
import { acceptInvitationPage, invitationPage } from './portal/log-in/invitation';
import { completePortalProviderLogIn, startPortalProviderLogIn } from './portal/log-in/log-in-by-provider';
import { portalLogIn, portalLogInPage, portalLogOut } from './portal/log-in/log-in';
import { passkeyLogIn, passkeyLogInPage } from './portal/log-in/log-in-with-passkey';
import { ACCOUNT_PAGES } from './portal/account/pages';
import { CONFIRM_PAGES, MEMBER_PAGES } from './portal/pages';
import { portalForgot, portalForgotPage, portalReset, portalResetPage } from './portal/log-in/password';
import type { Page } from './http/page';

/** All pages. Pages are not served under `/v1` and do not appear in the OpenAPI document. */
export const PAGES: readonly Page[] = [
  homePage,
  signUpPage,
  signUp,
  verifyPage,
  verify,
  resendPage,
  resend,
  logInPage,
  logIn,
  logOut,
  startProviderLogIn,
  completeProviderLogIn,
  forgotPage,
  forgot,
  resetPage,
  reset,
  outboxPage,
  partnersPage,
  applyPage,
  apply,
  statusPage,
  showStatus,
  confirmPage,
  confirm,
  codePage,
  submitCode,
  invitePage,
  decideInvite,
  accountPage,
  exportAccount,
  deletePage,
  deleteIdentity,
  disconnectPage,
  disconnect,
  portalLogInPage,
  portalLogIn,
  portalLogOut,
  passkeyLogInPage,
  passkeyLogIn,
  startPortalProviderLogIn,
  completePortalProviderLogIn,
  invitationPage,
  acceptInvitationPage,
  portalForgotPage,
  portalForgot,
  portalResetPage,
  portalReset,
  ...ACCOUNT_PAGES,
  ...CONFIRM_PAGES,
  ...MEMBER_PAGES,
  ...CONSOLE_PAGES,
  guidePage,
  errorTypePage,
  runbookPage,
  ...OPERATOR_PAGES,
];
