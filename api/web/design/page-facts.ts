import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { MailConfig } from '../../../shared/config/config';
import { NO_OPERATOR, type OperatorConfig } from '../../../shared/config/operator';

/** Facts about the request that any component may need. */
export interface PageFacts {
  /** Email address of the person who is logged in. Null if no one is logged in. */
  signedInAs: string | null;
  /** Paths of the logged-in person's home page and of the form to log out. */
  home: string;
  logOut: string;
  /** CSRF token for the forms on this page. */
  csrfToken: string;
  /** Where emails go. `outbox` means the `/outbox` page on this machine. */
  mails: MailConfig['kind'];
  /** Name of the OpenID Connect provider that people can log in with. Null if no provider is configured. */
  provider: string | null;
  /** Who operates this server. The footer shows it. */
  operator: OperatorConfig;
  /** Path of the operator's logo. Null if there is none. */
  logo: string | null;
}

export const PageFactsContext = createContext<PageFacts>({
  signedInAs: null,
  home: '/account',
  logOut: '/logout',
  csrfToken: '',
  mails: 'off',
  provider: null,
  operator: NO_OPERATOR,
  logo: null,
});

export function usePageFacts(): PageFacts {
  return useContext(PageFactsContext);
}
