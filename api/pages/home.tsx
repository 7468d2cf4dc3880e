import type { VNode } from 'preact';
import { Actions, ButtonLink } from './design/form';
import { Layout } from './design/layout';
import { Columns, Heading, Marks } from './design/text';
import { page } from './page';

function Home({ signedIn }: { signedIn: boolean }): VNode {
  return (
    <Layout title="Your history of taking part">
      <Heading>Your history of taking part, in your hands</Heading>
      <p>
        Shops, forums and marketplaces tell MIR that something happened: a purchase was completed, a review was posted.
        You choose which of your accounts belong together, and which platforms may see that there is a history at all.
      </p>
      <Columns>
        <section>
          <h2>What is kept</h2>
          <Marks items={['How much, how long and how recent', 'Which accounts you connected yourself']} />
        </section>
        <section>
          <h2>What MIR does not do</h2>
          <Marks no items={['It rates nobody', 'It decides nothing', 'It sells nothing']} />
        </section>
      </Columns>
      <Actions>
        <ButtonLink href={signedIn ? '/account' : '/signup'}>{signedIn ? 'My account' : 'Sign up'}</ButtonLink>
        <ButtonLink href={signedIn ? '/link' : '/login'} plain>
          {signedIn ? 'Enter a code' : 'Log in'}
        </ButtonLink>
      </Actions>
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
