import { portalPage } from './organizations';
import { addPasskeyPage, newPasskeyPage, removePasskey, removePasskeyPage } from './passkeys';
import { changeName, profilePage } from './profile';
import {
  confirmSecondFactor,
  createSecondFactor,
  removeSecondFactor,
  removeSecondFactorPage,
  secondFactorPage,
} from './second-factor';
import { requestPortalPassword, securityPage } from './security';
import { endPortalSession, sessionsPage } from './sessions';

/** The pages about the account of a member or operator. */
export const ACCOUNT_PAGES = [
  portalPage,
  profilePage,
  changeName,
  securityPage,
  requestPortalPassword,
  secondFactorPage,
  createSecondFactor,
  confirmSecondFactor,
  removeSecondFactorPage,
  removeSecondFactor,
  newPasskeyPage,
  addPasskeyPage,
  removePasskeyPage,
  removePasskey,
  sessionsPage,
  endPortalSession,
];
