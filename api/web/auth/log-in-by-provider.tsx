import type { VNode } from 'preact';
import { PublicError } from '../../http/public-error';
import type { ApiContext } from '../../context';
import type { ProviderRejection } from '../../accounts/provider-log-in';
import { OIDC_CALLBACK_PATH } from '../../accounts/oidc';
import { Actions, ButtonLink } from '../design/form';
import { Layout } from '../design/layout';
import { usePageFacts } from '../design/page-facts';
import { Heading } from '../design/text';
import { nextOrHome, nextPath, withNext } from '../http/next-path';
import { page } from '../http/page';
import { countTry, rememberBrowser } from './throttles';

const PATH = '/login/oidc';
const REJECTED = 403;

/** The other way in, where one is configured. */
export function ByProvider({ next }: { next: string | null }): VNode | null {
  const { provider } = usePageFacts();
  if (provider === null) return null;
  return (
    <section>
      <h2>Or without a password here</h2>
      <p>
        <ButtonLink href={withNext(PATH, next)} plain>
          Go on with {provider}
        </ButtonLink>
      </p>
    </section>
  );
}

const WORDS: Record<ProviderRejection, (provider: string) => string> = {
  CANCELLED: (provider) => `${provider} did not let you through, or you stopped there. Nothing was done.`,
  UNVERIFIED: (provider) =>
    `${provider} does not say that your e-mail address is confirmed there. Confirm it there and come back, or log in with a password.`,
  KNOWN_AS_ANOTHER: (provider) =>
    `Your address belongs to a MIR identity that somebody else opens with ${provider}. Nothing was done. If it is yours, log in with its password, or choose a new one by mail.`,
  FAILED: (provider) =>
    `${provider} and this MIR did not understand each other, or it took longer than ten minutes. Nothing was done. Try again, or log in with a password.`,
};

interface NotLoggedInProps {
  why: ProviderRejection;
  provider: string;
  next: string | null;
}

function NotLoggedIn({ why, provider, next }: NotLoggedInProps): VNode {
  return (
    <Layout title="You are not logged in">
      <Heading>You are not logged in</Heading>
      <p>{WORDS[why](provider)}</p>
      <Actions>
        <ButtonLink href={withNext('/login', next)}>To the log-in</ButtonLink>
      </Actions>
    </Layout>
  );
}

function providerOf({ config }: Pick<ApiContext, 'config'>): string {
  if (config.oidc === null) throw new PublicError('NOT_FOUND', 'People log in with e-mail and password here.');
  return config.oidc.name;
}

/**
 * Sends the browser to the provider. Opened by a link: a form might lead to our own pages only. Another site's link
 * leads to the log-in, so that nobody gets an identity without having pressed anything here.
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
    await countTry(call, 'provider', null);
    const { url, cookies } = await ctx.auth.startProviderLogIn(next, withNext('/login', next));
    return { leaveTo: url, cookies };
  },
});

/** Where the provider sends the browser back to. A session of its own for each log-in, as with a password. */
export const completeProviderLogIn = page({
  method: 'GET',
  path: OIDC_CALLBACK_PATH,
  tokenInUrl: true,
  handle: async (call) => {
    const { ctx, session, cookie } = call;
    const provider = providerOf(ctx);
    await countTry(call, 'provider', null);
    const { code, state, iss, error } = call.query;
    const result = await ctx.auth.completeProviderLogIn({ code, state, iss, error }, cookie);
    const { cookies } = result;
    if (result.kind === 'REJECTED') {
      const next = nextPath(result.next ?? undefined);
      // The Back button brings an old answer again.
      if (session) return { redirect: next ?? nextOrHome(undefined), cookies };
      return { status: REJECTED, html: <NotLoggedIn why={result.why} provider={provider} next={next} />, cookies };
    }
    if (session) await ctx.auth.logOut(cookie);
    const { session: mine } = await ctx.auth.readSession(cookies.map((set) => set.split(';')[0]).join('; '));
    if (mine) await rememberBrowser(call, mine.email);
    return { redirect: nextOrHome(result.next), cookies };
  },
});
