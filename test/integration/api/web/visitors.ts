import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { BrowserSession } from '../../../support/browser-session';
import type { Harness } from '../../../support/harness';
import { anonymousSession, startHarnessForPeople } from '../../../support/people';

interface Visitor {
  h: Harness;
  /** An address without an account. */
  email: string;
  /** A browser that is not logged in. */
  session: BrowserSession;
}

/** Starts a harness for a test file, and calls `use` with a new visitor after the start and before each test. */
export function beforeEachVisitor(use: (visitor: Visitor) => void): void {
  let h: Harness;
  let count = 0;
  const useNext = (): void => {
    count += 1;
    use({ h, email: `person-${count}@example.org`, session: anonymousSession(h) });
  };

  beforeAll(async () => {
    h = await startHarnessForPeople();
    useNext();
  });
  afterAll(() => h.close());
  beforeEach(useNext);
}
