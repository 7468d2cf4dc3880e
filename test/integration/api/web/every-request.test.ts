import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HTMLElement, parse } from 'node-html-parser';
import { everyRoute } from '../../../support/every-route';
import type { Harness } from '../../../support/harness';
import { oidcServers } from '../../../support/oidc-server';
import { startHarnessForPeople } from '../../../support/people';
import type { RouteCall } from '../../../support/route-call';

/** Fields for text that people type. */
const TYPED = new Set(
  'code confirmation contactEmail email host name reason text typed url useCase userExternalId website'.split(' '),
);
/** Longer than any field allows. */
const TOO_LONG = 'x'.repeat(2_600);
/** Forms for codes that change twice a minute. */
const NOT_KEPT = /second-factor/;
const MIN_FORMS = 25;

const oidcServer = oidcServers();
let h: Harness;
let calls: RouteCall[];
let forms: RouteCall[];
beforeAll(async () => {
  const provider = await oidcServer();
  h = await startHarnessForPeople({
    workers: false,
    env: {
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: provider.clientId,
      OIDC_CLIENT_SECRET: provider.clientSecret,
    },
  });
  calls = await everyRoute(h, provider);
  forms = calls.filter(({ headers }) => headers['content-type'] === 'application/x-www-form-urlencoded');
}, 180_000);
afterAll(() => h.close());

interface Rejected {
  route: string;
  root: HTMLElement;
  /** The text that was typed into the fields that the page shows. */
  typed: [name: string, value: string][];
}

/** Posts each form with a text in all fields that people type into. Returns the pages that reject it. */
async function submitAll(value: string): Promise<Rejected[]> {
  const rejected: Rejected[] = [];
  for (const { route, path, headers, body } of forms) {
    const fields = new URLSearchParams(body);
    fields.set('reason', value);
    for (const name of TYPED) if (fields.has(name)) fields.set(name, value);
    const response = await fetch(h.url + path, { method: 'POST', headers, body: fields, redirect: 'manual' });
    const root = parse(await response.text());
    const typed = [...fields].filter(([name]) => TYPED.has(name) && root.querySelector(`main [name="${name}"]`));
    if (response.status === 422) rejected.push({ route, root, typed });
  }
  expect(rejected.length).toBeGreaterThan(MIN_FORMS);
  return rejected;
}

/** Live parts never end, and documents with code contain the word `function`. */
const NOT_CHECKED = /\/(?:live|export|guide|runbook)$/;
/** Names that every object has. */
const INHERITED = ['constructor', '__proto__'];
/** Parameters and fields that choose between values. */
const CHOICES = [
  'action',
  'bucket',
  'by',
  'done',
  'env',
  'expiresAt',
  'format',
  'hours',
  'kind',
  'month',
  'order',
].concat(['overlapSeconds', 'plan', 'preset', 'role', 'select', 'sort', 'state', 'status', 'type']);

const valueOf = (control: HTMLElement): string => control.getAttribute('value') ?? control.text;

describe('a form that is rejected', () => {
  it('keeps what was typed', async () => {
    const lost: string[] = [];
    for (const { route, root, typed } of await submitAll(TOO_LONG)) {
      for (const [name, value] of NOT_KEPT.test(route) ? [] : typed) {
        if (valueOf(root.querySelector(`main [name="${name}"]`)!) !== value) lost.push(`${route} ${name}`);
      }
    }
    expect(lost).toEqual([]);
  });

  it('says what to enter into empty fields, beside the field and above the form', async () => {
    const faults: string[] = [];
    for (const { route, root } of await submitAll('')) {
      if (!root.querySelector('title')!.text.startsWith('Error: ')) faults.push(`${route}: no error in the title`);
      if (root.querySelector('h1')!.text.startsWith('Error')) faults.push(`${route}: error in the heading`);
      for (const item of root.querySelectorAll('.notice li')) {
        if (item.text.startsWith('Must ')) faults.push(`${route}: ${item.text}`);
        const target = item.querySelector('a')?.getAttribute('href');
        if (target !== undefined && !root.querySelector(`main [id="${target.slice(1)}"]`)) {
          faults.push(`${route}: no ${target}`);
        }
      }
    }
    expect(faults).toEqual([]);
  });
});

describe('a choice with the name of an inherited property', () => {
  const chosen = (fields: URLSearchParams, value: string): URLSearchParams => {
    for (const name of CHOICES) fields.set(name, value);
    return fields;
  };
  const faultOf = async (route: string, response: Response): Promise<string[]> => {
    const text = await response.text();
    const isEmpty = parse(text)
      .querySelectorAll('.notice')
      .some((notice) => notice.text.trim() === '');
    const isWrong = response.status >= 500 || /\bfunction\b|native code|\[object/.test(text);
    return isWrong || isEmpty ? [`${route}: ${response.status}`] : [];
  };

  it.each(INHERITED)('is like any other unknown value: %s', async (value) => {
    const faults: string[] = [];
    for (const { route, path, headers } of calls.filter((call) => call.headers['accept'] === 'text/html')) {
      if (!route.startsWith('GET ') || NOT_CHECKED.test(route)) continue;
      const [at, query] = path.split('?') as [string, string | undefined];
      const target = `${h.url}${at}?${chosen(new URLSearchParams(query), value).toString()}`;
      faults.push(...(await faultOf(route, await fetch(target, { headers, redirect: 'manual' }))));
    }
    for (const { route, path, headers, body } of forms) {
      const sent = { method: 'POST', headers, body: chosen(new URLSearchParams(body), value) };
      faults.push(...(await faultOf(route, await fetch(h.url + path, { ...sent, redirect: 'manual' }))));
    }
    expect(faults).toEqual([]);
  });
});
