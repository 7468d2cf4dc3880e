import type { VNode } from 'preact';
import { Actions, ButtonLink } from './design/form';
import { Layout } from './design/layout';
import { Columns, Heading, Marks } from './design/text';
import { page } from './http/page';

function Home({ signedIn }: { signedIn: boolean }): VNode {
  return (
    <Layout title="Your history of taking part">
      <Heading>Your history of taking part</Heading>
      <p>
        Shops, forums and marketplaces report to MIR that something happened: a purchase was completed, a review was
        posted. You choose which of your accounts belong together, and which platforms see your whole history.
      </p>
      <Actions>
        <ButtonLink href={signedIn ? '/account' : '/signup'}>{signedIn ? 'My account' : 'Sign up'}</ButtonLink>
        <ButtonLink href={signedIn ? '/link' : '/login'} plain>
          {signedIn ? 'Enter a code' : 'Log in'}
        </ButtonLink>
      </Actions>
      <Columns>
        <section>
          <h2>What MIR stores</h2>
          <Marks
            items={[
              'Each event that a platform reports: its type, time, weight and metadata, under a code made from your user ID there',
              'If you sign up: your e-mail address, a hash of your password, your log-ins, and which accounts you connected or declined',
            ]}
          />
        </section>
        <section>
          <h2>Who sees it</h2>
          <Marks
            items={[
              'The platform that reported an event sees all of it',
              'A platform you connect sees your totals: how many events, on how many platforms, how long and how recent',
              'The operator of this MIR can read what it stores',
            ]}
          />
        </section>
        <section>
          <h2>How to have it erased</h2>
          <Marks
            items={[
              'Ask a platform to erase you: MIR then deletes the events it reported',
              'Delete your MIR identity: your address, log-ins and connections go; the events stay',
            ]}
          />
        </section>
        <section>
          <h2>What MIR does not do</h2>
          <Marks
            no
            items={[
              'It gives no scores or ratings',
              'It makes no decisions about you',
              'It does not tell one platform what you did on another',
            ]}
          />
        </section>
      </Columns>
      <p>
        You run a platform? Read the <a href="/guide">Partner Guide</a> and the <a href="/docs">API reference</a>.
      </p>
    </Layout>
  );
}

/** `/`: what this is, and where to go. Where people have no pages, whoever comes is a partner or runs the registry. */
export const homePage = page({
  method: 'GET',
  path: '/',
  always: true,
  handle: ({ ctx, session }) =>
    ctx.config.mail.kind === 'off' ? { redirect: '/guide' } : { html: <Home signedIn={session !== null} /> },
});
