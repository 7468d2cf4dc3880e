import { PASSWORD } from './password';
import type { PersonMail } from '../../shared/store/queued-mails';
import { freePort } from '../../deploy/local/ports';
import { newId } from '../../shared/domain/ids';
import { PASSWORD_ACCOUNT } from '../../shared/store/account-rows';
import { prepareMail } from '../../workers/mails/prepare-mail';
import { type Harness, startHarness } from './harness';
import { newBrowserSession, type VisitedPage, type BrowserSession } from './browser-session';
import { shareHarness } from './shared-harness';
import { waitUntil } from './wait-until';

export { PASSWORD } from './password';

/** Settings that every deployment with pages for people has in production. */
const OPERATOR = {
  OPERATOR_NAME: 'Example Association',
  OPERATOR_CONTACT: 'support@mir.example',
  PRIVACY_URL: 'https://mir.example/privacy',
  TERMS_URL: 'https://mir.example/terms',
};

/** Starts a harness for pages. PUBLIC_URL is the harness's own URL, and emails go to the outbox. */
export async function startHarnessForPeople({
  env = {},
  workers = true,
}: { env?: Record<string, string>; workers?: boolean } = {}): Promise<Harness> {
  const port = String(await freePort());
  const harness = await startHarness({
    workers,
    env: { PORT: port, PUBLIC_URL: `http://localhost:${port}`, TRUST_PROXY_HOPS: '1', ...OPERATOR, ...env },
  });
  return { ...harness, url: `http://localhost:${port}` };
}

/**
 * Returns the suite's harness for pages. The rules of `sharedHarness` apply. Use only email addresses that no other
 * test file uses.
 */
export function sharedHarnessForPeople(): Promise<Harness> {
  return shareHarness('for people', startHarnessForPeople);
}

/** Waits for an email with this recipient and subject, and returns the path and query of its first link. */
export async function mailedLink({ ctx }: Harness, to: string, subject: RegExp): Promise<string> {
  let link: string | undefined;
  await waitUntil(`an email to ${to} is in the outbox`, async () => {
    const mails = await ctx.store.outboxMails.newest(100);
    const mail = mails.find((one) => one.to === to && subject.test(one.subject));
    link = /https?:\/\/\S+/.exec(mail?.text ?? '')?.[0];
    return link !== undefined;
  });
  const { pathname, search } = new URL(link!);
  return pathname + search;
}

let addresses = 0;
/** Creates a browser session with its own client address, so that sessions do not share a throttle. */
export function anonymousSession({ url }: Pick<Harness, 'url'>): BrowserSession {
  addresses += 1;
  return newBrowserSession(url, { ip: `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}` });
}

/** Signs up, confirms the email address and sets the password, without logging in. Returns the last page. */
export async function signUpAndConfirm(
  harness: Harness,
  webSession: BrowserSession,
  email: string,
): Promise<VisitedPage> {
  await webSession.submit(await webSession.get('/signup'), { email });
  const link = await mailedLink(harness, email.toLowerCase(), /Confirm/);
  return webSession.submit(await webSession.get(link), { password: PASSWORD });
}

/** Returns the token that the worker would email. Does not send an email. */
export async function tokenIn({ ctx }: Pick<Harness, 'ctx'>, mail: PersonMail | null): Promise<string> {
  const _id = newId('mail');
  await ctx.store.queuedMails.insert({ _id, ...mail! }, new Date());
  const prepared = await prepareMail(ctx, _id);
  await ctx.store.queuedMails.drop(_id);
  const token = /token=([\w-]+)/.exec(prepared!.text)?.[1];
  if (token === undefined) throw new Error(`this email contains no token: ${prepared!.subject}`);
  return token;
}

/** Creates a confirmed account without sending an email. */
export async function confirmedAccount({ ctx }: Pick<Harness, 'ctx'>, email: string): Promise<void> {
  await ctx.auth.reset(await tokenIn({ ctx }, await ctx.auth.signUp(email)), PASSWORD);
}

/** Stores a sign-up as earlier versions did: unconfirmed, but with the password from the form. */
export async function earlierSignUp({ ctx }: Pick<Harness, 'ctx'>, email: string, password: string): Promise<void> {
  const { hashPassword } = await import('better-auth/crypto');
  const { _id: userId } = await ctx.store.identities.signUp(email, new Date());
  const account = { userId, providerId: PASSWORD_ACCOUNT, accountId: userId };
  await ctx.store.identityAccounts.model.create({
    _id: newId('acc'),
    ...account,
    password: await hashPassword(password),
  });
}

export async function logIn(webSession: BrowserSession, email: string, password = PASSWORD): Promise<VisitedPage> {
  return webSession.submit(await webSession.get('/login'), { email, password });
}

/** Creates a confirmed account without sending an email, logs in, and returns the session. */
export async function loggedIn(harness: Pick<Harness, 'ctx' | 'url'>, email: string): Promise<BrowserSession> {
  const webSession = anonymousSession(harness);
  await confirmedAccount(harness, email);
  await logIn(webSession, email);
  return webSession;
}

/** Returns the email address in the page header, or null if the session is not logged in. */
export function signedInAs({ root }: Pick<VisitedPage, 'root'>): string | null {
  const text = root.querySelector('header .who a')?.text;
  return text === undefined ? null : text.replace(/^Signed in as /, '');
}
