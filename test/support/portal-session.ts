import type { MemberRole } from '../../shared/domain/roles';
import type { BrowserSession, VisitedPage } from './browser-session';
import type { Harness, TestPartner } from './harness';
import { anonymousSession, PASSWORD } from './people';
import { insertMember } from './staff';
import { waitUntil } from './wait-until';

/** A browser in which a new member of a partner is logged in. */
export interface LoggedIn {
  browser: BrowserSession;
  email: string;
  staffId: string;
  memberId: string;
}

export async function logInMember(mir: Harness, { partnerId }: TestPartner, role: MemberRole): Promise<LoggedIn> {
  const member = await insertMember(mir, partnerId, role);
  const browser = anonymousSession(mir);
  const page = await browser.submit(await browser.get('/portal/login'), { email: member.email, password: PASSWORD });
  if (page.path !== '/portal') throw new Error(`the log-in led to ${page.path}: ${page.text}`);
  return { browser, ...member };
}

/** Returns the path of the portal's pages about an environment of a partner. */
export const baseOf = ({ partnerId }: TestPartner, env = 'live'): string => `/portal/${partnerId}/${env}`;

/** Reloads a page until its text contains `text`. */
export async function waitForPage(browser: BrowserSession, path: string, text: string): Promise<VisitedPage> {
  let page = await browser.get(path);
  await waitUntil(`the page says “${text}”`, async () => {
    page = await browser.get(path);
    return page.text.includes(text);
  });
  return page;
}
