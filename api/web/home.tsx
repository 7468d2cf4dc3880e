import type { VNode } from 'preact';
import { Actions, ButtonLink } from './design/form';
import { Beside } from './design/beside';
import { Layout } from './design/layout';
import { Columns, Heading, Marks } from './design/text';
import { page } from './http/page';
import { DELETED, NOT_DONE, SEEN, STORED } from './privacy-facts';

function WhoSeesIt(): VNode {
  return (
    <section>
      <h2>Who sees it</h2>
      <Marks items={SEEN} />
    </section>
  );
}

function Home({ signedIn }: { signedIn: boolean }): VNode {
  return (
    <Layout title="Your participation history" beside>
      <div class="panel hero">
        <Beside summary={<WhoSeesIt />}>
          <Heading>Your participation history</Heading>
          <p>
            Shops, forums and marketplaces report to MIR what happens on their platforms, such as a completed purchase
            or a posted review. You decide which of your accounts to connect. Each platform you connect sees totals
            across all connected accounts.
          </p>
          <Actions>
            <ButtonLink href={signedIn ? '/account' : '/signup'}>
              {signedIn ? 'Go to your account' : 'Sign up'}
            </ButtonLink>
            <ButtonLink href={signedIn ? '/link' : '/login'} plain>
              {signedIn ? 'Enter a code' : 'Log in'}
            </ButtonLink>
          </Actions>
        </Beside>
      </div>
      <Columns>
        <section>
          <h2>What MIR stores</h2>
          <Marks items={STORED} />
        </section>
        <section>
          <h2>How to delete it</h2>
          <Marks items={DELETED} />
        </section>
        <section>
          <h2>What MIR doesn’t do</h2>
          <Marks no items={NOT_DONE} />
        </section>
      </Columns>
      <p class="quiet">
        Do you run a platform? <a href="/partners">Become a partner</a>, or read the <a href="/guide">Partner Guide</a>{' '}
        and the <a href="/docs">API reference</a>.
      </p>
    </Layout>
  );
}

/** The home page. Redirects to the Partner Guide when email is off, because no one can sign up without email. */
export const homePage = page({
  method: 'GET',
  path: '/',
  always: true,
  handle: ({ ctx, session }) =>
    ctx.config.mail.kind === 'off' ? { redirect: '/guide' } : { html: <Home signedIn={session !== null} /> },
});
