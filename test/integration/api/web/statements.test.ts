import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PAGES } from '../../../../api/web/routes';
import { anEvent } from '../../../support/builders';
import type { Harness, TestPartner } from '../../../support/harness';
import { loggedIn, PASSWORD, anonymousSession, sharedHarnessForPeople } from '../../../support/people';
import type { BrowserSession } from '../../../support/browser-session';

/** False claims that earlier versions of the pages and documents made. */
const UNTRUE = [
  /how recent\.? Nothing else/,
  /What is kept/,
  /see that there is a history at all/,
  /in your hands/,
  /sells nothing/,
  /events stay with the platforms/,
  /no longer written anywhere/,
  /It happens at once/,
  /will never see/,
  /link ends at once/,
  /Nothing is shared with/,
  /Export everything/,
  /will not be lost/,
  /safely in the queue/,
  /never loses or doubles/,
  /stores only its hash/,
  /cannot look up anybody/,
  /nobody connects a stranger/,
  /equal times at two platforms/,
  /nothing of it is stored/,
  /all of it is gone/,
  /nobody can rewrite the past/,
  /keep nobody out/,
];

let h: Harness;
let shop: TestPartner;
let person: BrowserSession;
let invite: string;
let linkId: string;

beforeAll(async () => {
  h = await sharedHarnessForPeople();
  shop = await h.partner({ name: 'Harbour Market' });
  person = await loggedIn(h, 'reader@example.org');
  const metadata = { note: 'an order' };
  const events = [anEvent({ userExternalId: 'reader', metadata }), anEvent({ userExternalId: 'reader' })];
  expect((await h.client.post('/v1/events', shop.liveKey, { events })).status).toBe(202);
  await h.drained();
  await person.submit(await person.get(await newInvite('reader')), { decision: 'connect' });
  const account = (await person.get('/account')).root.querySelector('ul.records a')!;
  linkId = account.getAttribute('href')!.split('/').at(-1)!;
  invite = await newInvite('other-user');
});
afterAll(() => h.close());

async function newInvite(userExternalId: string): Promise<string> {
  const { body } = await h.client.post('/v1/partners/link/invite', shop.liveKey, { userExternalId });
  return new URL(body.url).pathname;
}

const words = (html: string): string => html.replaceAll(/\s+/g, ' ');
const untrueIn = (text: string): string[] => UNTRUE.filter((claim) => claim.test(words(text))).map(String);

describe('statements about MIR', () => {
  it('explains on the home page what event data MIR stores, who can see it and how to have it erased', async () => {
    const { text, html } = await anonymousSession(h).get('/');
    for (const part of ['its type', 'time', 'weight', 'metadata']) expect(text).toContain(part);
    expect(text).toContain('The platform that reported an event sees every detail of it');
    expect(text).toContain('Ask a platform to erase you');
    expect(html).toContain('It stores the events that platforms report.');
  });

  it('does not repeat any of the false claims on any page, whether or not the visitor is logged in', async () => {
    const opened: string[] = [];
    for (const { method, path: pattern } of PAGES) {
      if (method !== 'GET' || pattern === '/account/export' || pattern.startsWith('/login/oidc')) continue;
      const paths = pattern === '/link/:token' ? [invite, '/link/cut-off'] : [pattern.replace(':linkId', linkId)];
      for (const webSession of [person, anonymousSession(h)]) {
        for (const one of paths) {
          const { html, status } = await webSession.get(one);
          expect([one, untrueIn(html)]).toEqual([one, []]);
          if (status === 200) opened.push(pattern);
        }
      }
    }
    for (const pattern of ['/', '/account/delete', '/account/links/:linkId', '/link/:token', '/guide']) {
      expect(opened).toContain(pattern);
    }
  });

  it('states after a declined invitation that the platform can see the decision', async () => {
    const declined = await person.submit(await person.get(await newInvite('declined')), { decision: 'decline' });
    expect(untrueIn(declined.html)).toEqual([]);
    expect(declined.text).toContain('Harbour Market can see that you declined');
  });

  it('does not repeat any of the false claims in the README or the OpenAPI document', async () => {
    const readme = readFileSync(path.join(__dirname, '../../../../README.md'), 'utf8');
    const openApi = await (await fetch(`${h.url}/openapi.json`)).text();
    expect([untrueIn(readme), untrueIn(openApi)]).toEqual([[], []]);
  });

  it("keeps a deleted identity's events, as the deletion page says", async () => {
    const page = await person.get('/account/delete');
    expect(page.text).toContain('The events that platforms reported stay in MIR');
    expect(page.text).toContain('If you ask a platform to erase you');
    expect((await person.submit(page, { password: PASSWORD })).text).toContain('Your MIR account has been deleted');
    const { body } = await h.client.get('/v1/events?userExternalId=reader', shop.liveKey);
    expect(body.data).toHaveLength(2);
    expect(body.data.map(({ metadata }: { metadata: unknown }) => metadata)).toContainEqual({ note: 'an order' });
  });
});
