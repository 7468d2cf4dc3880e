import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { MailConfig } from '../../../shared/config/config';

/** What every page knows of the request it answers; given by the page runner. */
export interface PageFacts {
  /** Who is signed in; null before log-in, and on pages that do not ask. */
  signedInAs: string | null;
  /** The hidden token that each form of this page carries. */
  csrfToken: string;
  /** Where mails go: `outbox` keeps them on this machine, on the page `/outbox`. */
  mails: MailConfig['kind'];
  /** The provider with which people may log in, too, by its name; null: there is none. */
  provider: string | null;
}

/** Provided around every page by the runner. */
export const PageFactsContext = createContext<PageFacts>({
  signedInAs: null,
  csrfToken: '',
  mails: 'off',
  provider: null,
});

export function usePageFacts(): PageFacts {
  return useContext(PageFactsContext);
}
