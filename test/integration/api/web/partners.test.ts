import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_APPLICATIONS_PER_HOUR } from '../../../../api/partners/submit-application';
import { confirmedApplication, submittedApplication } from '../../../support/applications';
import { type BrowserSession, newBrowserSession, type VisitedPage } from '../../../support/browser-session';
import { type Harness, startHarness } from '../../../support/harness';
import { anApplication, asAdmin } from '../../../support/partners';
import { anonymousSession, mailedLink, sharedHarnessForPeople } from '../../../support/people';

/** Without SMTP_URL, only a server with a local URL has an outbox. */
const PUBLIC_URL = 'https://mir.example';
const APPLY = '/partners/apply';
const STATUS = '/partners/status';

let h: Harness;
let withoutMail: Harness;
let addresses = 0;
beforeAll(async () => {
  h = await sharedHarnessForPeople();
  withoutMail = await startHarness({ workers: false, env: { PUBLIC_URL } });
});
afterAll(() => Promise.all([h.close(), withoutMail.close()]));

const newEmail = (): string => `applicant-${(addresses += 1)}@quay.example`;

async function apply(changes: Record<string, string> = {}, visitor: BrowserSession = anonymousSession(h)) {
  const fields = { ...anApplication({ contactEmail: newEmail() }), ...changes } as Record<string, string>;
  return visitor.submit(await visitor.get(APPLY), fields);
}
/** Returns the errors beside the fields, by field, and those in the summary. */
function errorsOf({ root }: VisitedPage) {
  const beside = root.querySelectorAll('.error').map((one) => [one.id.replace('-error', ''), one.text]);
  const summary = root.querySelectorAll('[role=alert] li').map((one) => one.text);
  return { beside: Object.fromEntries(beside) as Record<string, string>, summary };
}

describe('/partners', () => {
  it('says what MIR stores, who sees it and who operates the server, in the words of the home page', async () => {
    const { text, root } = await anonymousSession(h).get('/partners');
    const home = (await anonymousSession(h).get('/')).root;
    const facts = home.querySelectorAll('ul.marks li').map((one) => one.text);
    expect(facts.length).toBeGreaterThan(9);
    for (const fact of facts) expect(text).toContain(fact);
    expect(text).toContain('Example Association');
    expect(root.querySelectorAll('main a').map((one) => one.getAttribute('href'))).toEqual(
      expect.arrayContaining([APPLY, STATUS, 'mailto:support@mir.example', '/guide']),
    );
    expect(home.querySelector('a[href="/partners"]')).not.toBeNull();
  });

  it('is open on a server without email, which says that the operator passes on the decision', async () => {
    const visitor = newBrowserSession(withoutMail.url, { publicUrl: PUBLIC_URL });
    expect((await visitor.get('/partners')).text).toContain('This server sends no email');
    const applied = await apply({}, visitor);
    expect(applied.text).toMatch(/We have your application.*sends no email/);
    expect(applied.text).toContain('app_');
    const status = await visitor.get(STATUS);
    expect(status.root.querySelector('main form')).toBeNull();
    expect(status.text).toContain('The operator tells you the decision');
  });
});

describe('the form to apply', () => {
  it('leads to the email that confirms the address, and then to the status', async () => {
    const contactEmail = newEmail();
    const received = await apply({ contactEmail, useCase: 'Orders become events.\r\nSupport reads totals.' });
    expect(received.status).toBe(200);
    const [applicationId] = /app_[\da-f]+/.exec(received.text)!;
    expect(received.text).toContain(contactEmail);
    expect(await h.ctx.store.applications.get(applicationId)).toMatchObject({
      name: 'Harbour Market',
      contactEmail,
      useCase: 'Orders become events.\nSupport reads totals.',
      status: 'PENDING',
    });
    const visitor = anonymousSession(h);
    const confirm = await visitor.get(await mailedLink(h, contactEmail, /Confirm your application/));
    expect((await visitor.submit(confirm, {})).text).toMatch(/Waiting for a decision/);
    const shown = await visitor.submit(await visitor.get(STATUS), { applicationId, contactEmail });
    expect(shown.path).toBe(STATUS);
    expect(shown.text).toMatch(/Your application.*Waiting for a decision.*Harbour Market/);
  });

  it('reports the problems of all fields beside them and in the summary, and keeps what was entered', async () => {
    const empty = await apply({ name: '', website: ' ', contactEmail: '', useCase: '' });
    expect(empty.status).toBe(422);
    expect(Object.keys(errorsOf(empty).beside)).toEqual(['name', 'website', 'contactEmail', 'useCase']);
    expect(errorsOf(empty).summary).toEqual(Object.values(errorsOf(empty).beside));

    const changes = { name: 'x'.repeat(121), website: 'ftp://a.example', contactEmail: 'ana@', useCase: 'x"><script>' };
    const wrong = await apply(changes);
    expect(errorsOf(wrong).beside).toEqual({
      name: 'Must be between 1 and 120 characters long.',
      website: 'Enter a full address that starts with https://, like https://harbour.example.',
      contactEmail: 'Enter a full email address, like ana@harbour.example.',
    });
    expect(wrong.root.querySelector('#website')!.getAttribute('value')).toBe('ftp://a.example');
    expect(wrong.root.querySelector('#useCase')!.text).toBe('x"><script>');
    expect(wrong.html).not.toContain('<script');
  });

  it('accepts the longest use case in any script', async () => {
    expect((await apply({ useCase: '漢'.repeat(2_000) })).status).toBe(200);
    expect((await apply({ useCase: '漢'.repeat(5_000) })).status).toBe(413);
  });

  it('counts with the API towards the limit of a client address', async () => {
    const visitor = anonymousSession(h);
    const ip = '10.77.1.9';
    const form = await visitor.get(APPLY);
    const token = form.root.querySelector('input[name=form_token]')!.getAttribute('value')!;
    const headers = { 'x-forwarded-for': ip, origin: new URL(h.url).origin };
    for (let n = 0; n < MAX_APPLICATIONS_PER_HOUR; n += 1) {
      const application = anApplication({ contactEmail: newEmail() });
      const { status } = await h.client.post('/v1/partners/applications', undefined, application, {
        'x-forwarded-for': ip,
      });
      expect(status).toBe(202);
    }
    const fields = { ...anApplication({ contactEmail: newEmail() }), form_token: token } as Record<string, string>;
    const limited = await visitor.post(APPLY, fields, headers);
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^\d+$/)]);
    expect(limited.text).toContain('Too many applications from your IP address');
  });
});

describe('the status of an application', () => {
  it('shows a rejection with its reason', async () => {
    const { applicationId, contactEmail } = await confirmedApplication(h);
    await asAdmin(h.client, 'POST', `/applications/${applicationId}/reject`, { reason: 'No website yet' });
    const visitor = anonymousSession(h);
    const shown = await visitor.submit(await visitor.get(STATUS), { applicationId, contactEmail });
    expect(shown.text).toMatch(/Rejected.*No website yet/);
    expect(shown.root.querySelector('main a.button')!.getAttribute('href')).toBe(APPLY);
  });

  it('responds in the same way to an unknown ID, an unconfirmed address and the address of another applicant', async () => {
    const unconfirmed = await submittedApplication(h);
    const { applicationId } = await confirmedApplication(h);
    const visitor = anonymousSession(h);
    const pages = [];
    for (const fields of [
      { applicationId: 'app_0', contactEmail: newEmail() },
      { applicationId: unconfirmed.applicationId, contactEmail: unconfirmed.contactEmail },
      { applicationId, contactEmail: unconfirmed.contactEmail },
    ]) {
      const page = await visitor.submit(await visitor.get(STATUS), fields);
      pages.push([page.status, page.root.querySelector('[role=alert]')!.text]);
    }
    expect(pages).toEqual([pages[0], pages[0], pages[0]]);
    expect(pages[0]).toEqual([422, expect.stringContaining('We found no application')]);
  });

  it('asks for both fields', async () => {
    const visitor = anonymousSession(h);
    const page = await visitor.submit(await visitor.get(STATUS), { applicationId: '', contactEmail: 'x' });
    expect(page.status).toBe(422);
    expect(Object.keys(errorsOf(page).beside)).toEqual(['applicationId', 'contactEmail']);
  });
});
