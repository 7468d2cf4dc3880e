import { applicationPage } from './application-page';
import { applicationsPage } from './applications-page';
import { approveApplication, rejectApplication } from './decide';
import { overviewPage } from './overview';

/** The pages of the console, each with the right that the operator's role needs. */
export const CONSOLE_PAGES = [overviewPage, applicationsPage, applicationPage, approveApplication, rejectApplication];
