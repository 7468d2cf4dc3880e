import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

/** What every page knows of the request it answers; given by the page runner. */
export interface PageFacts {
  /** Who is signed in; null before log-in, and on pages that do not ask. */
  signedInAs: string | null;
  /** The hidden token that each form of this page carries. */
  formToken: string;
  /** Mails stay on this machine, on the page `/outbox`. */
  outbox: boolean;
}

/** Provided around every page by the runner. */
export const PageFactsContext = createContext<PageFacts>({ signedInAs: null, formToken: '', outbox: false });

export function usePageFacts(): PageFacts {
  return useContext(PageFactsContext);
}
