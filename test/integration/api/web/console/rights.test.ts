import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PAGES } from '../../../../../api/web/routes';
import { OPERATOR_RIGHTS, OPERATOR_ROLES, type OperatorRight } from '../../../../../shared/domain/roles';
import { submittedApplication } from '../../../../support/applications';
import type { BrowserSession } from '../../../../support/browser-session';
import type { Harness } from '../../../../support/harness';
import { anonymousSession, loggedIn, sharedHarnessForPeople } from '../../../../support/people';
import { insertMember, operatorBrowser, staffBrowser } from '../../../../support/staff';

/** The right that each page of the console needs. */
const RIGHTS: Record<string, OperatorRight> = {
  'GET /console': 'partners:read',
  'GET /console/applications': 'partners:read',
  'GET /console/applications/:id': 'partners:read',
  'POST /console/applications/:id/approve': 'applications:decide',
  'POST /console/applications/:id/reject': 'applications:decide',
};
/** Fields with which each form succeeds. */
const FORMS: Record<string, Record<string, string>> = {
  'POST /console/applications/:id/approve': {
    plan: 'STANDARD',
    eventsPerMinute: '1',
    requestsPerMinute: '1',
    queueSharePercent: '1',
  },
  'POST /console/applications/:id/reject': { reason: 'No' },
};

const CONSOLE_PAGES = PAGES.filter(({ path }) => path === '/console' || path.startsWith('/console/'));
const ROUTES = CONSOLE_PAGES.map(({ method, path }) => `${method} ${path}`);
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

interface Response {
  status: number;
  location: string | null;
  applicationId: string;
}

/** Sends the request of a route, about an application of its own. */
async function send(route: string, caller: CallerName): Promise<Response> {
  const browser = browsers[caller];
  const { applicationId } = await submittedApplication(h);
  const [method, template] = route.split(' ') as [string, string];
  const path = template.replace(':id', applicationId);
  const own = new URL(h.url).origin;
  const response =
    method === 'GET'
      ? await fetch(h.url + path, {
          redirect: 'manual',
          headers: { cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
        })
      : await browser.post(path, { ...FORMS[route], form_token: await tokenOf(browser) }, { origin: own });
  return { status: response.status, location: response.headers.get('location'), applicationId };
}

describe('every page of the console', () => {
  it('declares the right that it needs', () => {
    const declared = CONSOLE_PAGES.map(({ method, path, right, staff }) => [`${method} ${path}`, right, staff]);
    // A new page needs an entry in RIGHTS, and a form also one in FORMS.
    expect(declared).toEqual(ROUTES.map((route) => [route, RIGHTS[route], 'required']));
    expect(Object.keys(RIGHTS).toSorted()).toEqual(ROUTES.toSorted());
    expect(Object.keys(FORMS)).toEqual(ROUTES.filter((route) => route.startsWith('POST')));
  });

  it.each(ROUTES.flatMap((route) => CALLERS.map((caller) => [route, caller] as const)))(
    '%s responds to %s as declared',
    async (route, caller) => {
      const { status, location, applicationId } = await send(route, caller);
      const wasDecided = (await h.ctx.store.applications.get(applicationId))!.status !== 'PENDING';
      const isForm = route.startsWith('POST');
      if (caller === 'no session' || caller === 'a person with a history') {
        expect([status, wasDecided]).toEqual([303, false]);
        expect(location).toBe('/portal/login');
      } else if (caller === 'a member of a partner') {
        expect([status, wasDecided]).toEqual([404, false]);
      } else {
        const allowed = OPERATOR_RIGHTS[caller].includes(RIGHTS[route]!);
        const done = isForm ? 303 : 200;
        expect([status, wasDecided]).toEqual([allowed ? done : 403, allowed && isForm]);
        if (allowed && isForm) expect(location).toContain('?done=');
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
