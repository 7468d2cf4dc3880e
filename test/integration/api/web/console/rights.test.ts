import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CONSOLE_PAGES } from '../../../../../api/web/console/pages';
import { PAGES } from '../../../../../api/web/routes';
import { OPERATOR_RIGHTS, OPERATOR_ROLES } from '../../../../../shared/domain/roles';
import { submittedApplication } from '../../../../support/applications';
import type { BrowserSession } from '../../../../support/browser-session';
import { CONSOLE_REQUESTS } from '../../../../support/console-requests';
import type { Harness } from '../../../../support/harness';
import { anonymousSession, loggedIn, sharedHarnessForPeople } from '../../../../support/people';
import { insertMember, operatorBrowser, staffBrowser } from '../../../../support/staff';

const ROUTES = CONSOLE_REQUESTS.map(({ route }) => route);
const RIGHTS = Object.fromEntries(CONSOLE_PAGES.map(({ method, path, right }) => [`${method} ${path}`, right!]));
const CALLERS = [...OPERATOR_ROLES, 'a member of a partner', 'a person with a history', 'no session'] as const;
type CallerName = (typeof CALLERS)[number];

let h: Harness;
let browsers: Record<CallerName, BrowserSession>;
beforeAll(async () => {
  h = await sharedHarnessForPeople();
  const member = await insertMember(h, (await h.partner()).partnerId, 'ADMINISTRATOR');
  const operators = OPERATOR_ROLES.map(async (role) => [role, (await operatorBrowser(h, role)).browser] as const);
  browsers = {
    ...(Object.fromEntries(await Promise.all(operators)) as Record<(typeof OPERATOR_ROLES)[number], BrowserSession>),
    'a member of a partner': await staffBrowser(h, member.staffId),
    'a person with a history': await loggedIn(h, `console-person-${Date.now()}@example.org`),
    'no session': anonymousSession(h),
  };
});
afterAll(() => h.close());

/** Returns the CSRF token of a browser, which any page with a form shows. */
async function tokenOf(browser: BrowserSession): Promise<string> {
  const pages = [await browser.get('/portal'), await browser.get('/portal/login')];
  const input = pages.map(({ root }) => root.querySelector('input[name=form_token]')).find((one) => one !== null);
  return input!.getAttribute('value')!;
}

/** Sends the request of a page, about rows of its own. */
async function send(
  { route, prepare }: (typeof CONSOLE_REQUESTS)[number],
  caller: CallerName,
): Promise<{ status: number; location: string | null; wasDone: boolean; changes: boolean }> {
  const browser = browsers[caller];
  const { params = {}, query = '', fields, wasDone } = await prepare(h);
  const [method, template] = route.split(' ') as [string, string];
  const path = template.replaceAll(/:(\w+)/g, (_all, name: string) => params[name]!) + query;
  const own = new URL(h.url).origin;
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const response =
    method === 'GET'
      ? await fetch(h.url + path, { redirect: 'manual', headers: { cookie } })
      : await browser.post(path, { ...fields, form_token: await tokenOf(browser) }, { origin: own });
  const { status, headers } = response;
  return {
    status,
    location: headers.get('location'),
    wasDone: (await wasDone?.()) ?? false,
    changes: wasDone !== undefined,
  };
}

describe('every page of the console', () => {
  it('has a request, and needs a session and a right', () => {
    const declared = PAGES.filter(({ path }) => path === '/console' || path.startsWith('/console/'));
    // A new page needs an entry in CONSOLE_REQUESTS.
    expect(declared.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(ROUTES.toSorted());
    expect(declared.filter(({ right, staff }) => !right || staff !== 'required')).toEqual([]);
  });

  it.each(CONSOLE_REQUESTS.flatMap((request) => CALLERS.map((caller) => [request.route, caller, request] as const)))(
    '%s responds to %s as declared',
    async (route, caller, request) => {
      const { status, location, wasDone, changes } = await send(request, caller);
      if (caller === 'no session' || caller === 'a person with a history') {
        expect([status, wasDone, location]).toEqual([303, false, '/portal/login']);
      } else if (caller === 'a member of a partner') {
        expect([status, wasDone]).toEqual([404, false]);
      } else if (!OPERATOR_RIGHTS[caller].includes(RIGHTS[route]!)) {
        expect([status, wasDone]).toEqual([403, false]);
      } else {
        expect([200, 202, 303]).toContain(status);
        // Requests that only show something have no `wasDone`.
        expect(wasDone).toBe(changes);
      }
    },
  );

  it.each(OPERATOR_ROLES)('shows the forms to decide only to roles with the right: %s', async (role) => {
    const { applicationId } = await submittedApplication(h);
    const { root } = await browsers[role].get(`/console/applications/${applicationId}`);
    const forms = root.querySelectorAll('main form').length;
    expect(forms).toBe(OPERATOR_RIGHTS[role].includes('applications:decide') ? 2 : 0);
  });

  it('ends for an operator as soon as the membership ends', async () => {
    const { browser, memberId } = await operatorBrowser(h, 'ADMIN');
    expect((await browser.get('/console')).status).toBe(200);
    await h.ctx.store.members.model.deleteOne({ _id: memberId });
    expect((await browser.get('/console')).status).toBe(404);
  });
});
