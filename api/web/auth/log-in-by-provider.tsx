import type { VNode } from 'preact';
import { PublicError } from '../../http/public-error';
import type { ApiContext } from '../../context';
import type { ProviderRejection } from '../../accounts/provider-log-in';
import { OIDC_CALLBACK_PATH } from '../../accounts/oidc';
import { Panel } from '../design/app-parts';
import { Actions, ButtonLink } from '../design/form';
import { Layout } from '../design/layout';
import { usePageFacts } from '../design/page-facts';
import { Heading } from '../design/text';
import { nextOrHome, nextPath, withNext } from '../http/next-path';
import { page } from '../http/page';
import { countAttempt, rememberBrowser } from './throttles';

const PATH = '/login/oidc';
const FORBIDDEN = 403;

/** Offers login through an OpenID Connect provider, if one is configured. */
export function ProviderSection({ next, path = PATH }: { next: string | null; path?: string }): VNode | null {
  const { provider } = usePageFacts();
  if (provider === null) return null;
  return (
    <section>
      <h2>Or continue without a password</h2>
      <p>
        <ButtonLink href={withNext(path, next)} plain>
          Continue with {provider}
        </ButtonLink>
      </p>
    </section>
  );
}

const TEXTS: Record<ProviderRejection, (provider: string) => string> = {
  CANCELLED: (provider) => `You canceled, or ${provider} denied access. Nothing has changed.`,
  UNVERIFIED: (provider) =>
    `${provider} hasn’t confirmed your email address. Confirm it there and come back, or log in with a password.`,
  KNOWN_AS_ANOTHER: (provider) =>
    `Your email address belongs to a MIR account that uses a different ${provider} account. Nothing has changed. If the MIR account is yours, log in with its password, or choose a new password.`,
  UNKNOWN: (provider) =>
    `No account here has the email address of your ${provider} account. Ask an administrator of your organization for an invitation.`,
  FAILED: (provider) =>
    `Login with ${provider} failed or took longer than ten minutes. Nothing has changed. Try again, or log in with a password.`,
};

interface NotLoggedInProps {
  why: ProviderRejection;
  provider: string;
  next: string | null;
  logInPath?: string;
}

/** Says why a login through the provider failed. */
export function NotLoggedIn({ why, provider, next, logInPath = '/login' }: NotLoggedInProps): VNode {
  return (
    <Layout title="You are not logged in">
      <Heading>You are not logged in</Heading>
      <Panel>
        <p>{TEXTS[why](provider)}</p>
        <Actions>
          <ButtonLink href={withNext(logInPath, next)}>Go to the login page</ButtonLink>
        </Actions>
      </Panel>
    </Layout>
  );
}

/** Returns the provider's name. Throws 404 if there is none. */
export function providerOf({ config }: Pick<ApiContext, 'config'>): string {
  if (config.oidc === null) {
    throw new PublicError(
      'NOT_FOUND',
      'This MIR server has no login provider. Log in with your email address and password.',
    );
  }
  return config.oidc.name;
}

/**
 * Redirects the browser to the provider. Uses GET, because our `form-action` policy restricts forms to our origin.
 * Redirects requests from other sites to the login page, so that no account is created without a click on our page.
 */
export const startProviderLogIn = page({
  method: 'GET',
  path: PATH,
  tokenInUrl: true,
  handle: async (call) => {
    const { ctx, session, query, crossSite } = call;
    providerOf(ctx);
    const next = nextOrHome(query['next']);
    if (session) return { redirect: next };
    if (crossSite) return { redirect: withNext('/login', next) };
    await countAttempt(call, 'provider', null);
    const { url, cookies } = await ctx.auth.startProviderLogIn(next, withNext('/login', next));
    return { leaveTo: url, cookies };
  },
});

/** Handles the provider's redirect back to us. Each login starts a new session, as a login with a password does. */
export const completeProviderLogIn = page({
  method: 'GET',
  path: OIDC_CALLBACK_PATH,
  tokenInUrl: true,
  handle: async (call) => {
    const { ctx, session, cookie } = call;
    const provider = providerOf(ctx);
    await countAttempt(call, 'provider', null);
    const { code, state, iss, error } = call.query;
    const result = await ctx.auth.completeProviderLogIn({ code, state, iss, error }, cookie);
    const { cookies } = result;
    if (result.kind === 'REJECTED') {
      const next = nextPath(result.next ?? undefined);
      // The browser's Back button can repeat a callback that was already used.
      if (session) return { redirect: next ?? nextOrHome(undefined), cookies };
      return { status: FORBIDDEN, html: <NotLoggedIn why={result.why} provider={provider} next={next} />, cookies };
    }
    if (session) await ctx.auth.logOut(cookie);
    const { session: mine } = await ctx.auth.readSession(cookies.map((set) => set.split(';')[0]).join('; '));
    if (mine) await rememberBrowser(call, mine.email);
    return { redirect: nextOrHome(result.next), cookies };
  },
});
