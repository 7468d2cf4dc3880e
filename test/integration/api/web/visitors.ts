import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { BrowserSession } from '../../../support/browser-session';
import type { Harness } from '../../../support/harness';
import { anonymousSession, sharedHarnessForPeople } from '../../../support/people';

interface Visitor {
  h: Harness;
  /** An email address without an account. */
  email: string;
  /** A browser that is not logged in. */
  session: BrowserSession;
}

let count = 0;

/**
 * Starts the shared harness with the pages for people, and calls `use` with a new visitor after startup and before each
 * test.
 */
export function beforeEachVisitor(use: (visitor: Visitor) => void): void {
  let h: Harness;
  const useNext = (): void => {
    count += 1;
    use({ h, email: `person-${count}@example.org`, session: anonymousSession(h) });
  };

  beforeAll(async () => {
    h = await sharedHarnessForPeople();
    useNext();
  });
  afterAll(() => h.close());
  beforeEach(useNext);
}
