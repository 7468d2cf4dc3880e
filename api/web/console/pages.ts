import { applicationPage } from './application-page';
import { applicationsPage } from './applications-page';
import { approveApplication, rejectApplication } from './decide';
import { drop, dropPage, replayDeadLetter, replayDeadLetters } from './change-dead-letters';
import { deadLetterPage } from './dead-letter-page';
import { deadLettersPage } from './dead-letters-page';
import { healthPage } from './health-page';
import { overviewPage } from './overview';

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
];
