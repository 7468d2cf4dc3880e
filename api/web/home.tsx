import type { VNode } from 'preact';
import { Actions, ButtonLink } from './design/form';
import { Beside } from './design/beside';
import { Layout } from './design/layout';
import { Columns, Heading, Marks } from './design/text';
import { page } from './http/page';

function WhoSeesIt(): VNode {
  return (
    <section>
      <h2>Who sees it</h2>
      <Marks
        items={[
          'The platform that reported an event sees every detail of it',
          'A platform you connect sees your totals: how many events you have, on how many platforms, and how long and how recent your history is',
          'The operator of this MIR server can read everything it stores',
        ]}
      />
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
          <Marks
            items={[
              'Each event a platform reports: its type, time, weight and metadata, stored under a code made from your user ID on that platform',
              'If you sign up: your email address, a hash of your password, your logins, and which accounts you connected or declined to connect',
            ]}
          />
        </section>
        <section>
          <h2>How to delete it</h2>
          <Marks
            items={[
              'Ask a platform to erase you, and MIR deletes the events that platform reported',
              'Delete your MIR account: this deletes your email address, logins and connections, but not the events',
            ]}
          />
        </section>
        <section>
          <h2>What MIR doesn’t do</h2>
          <Marks
            no
            items={[
              'It doesn’t score or rate you',
              'It doesn’t make decisions about you',
              'It doesn’t show one platform what you did on another',
            ]}
          />
        </section>
      </Columns>
      <p class="quiet">
        Do you run a platform? Read the <a href="/guide">Partner Guide</a> and the <a href="/docs">API reference</a>.
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
