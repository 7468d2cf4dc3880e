import type { VNode } from 'preact';
import { Actions, Button, ButtonLink, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextPath, withNext } from '../next-path';
import { page } from '../page';

const GONE = 410;

function Confirm({ token, next }: { token: string; next: string | null }): VNode {
  return (
    <Layout title="Confirm your address">
      <Heading>Confirm your address</Heading>
      <p>Press the button if you signed up to MIR. Afterwards you log in with the password you chose.</p>
      <p class="quiet">If you did not sign up, close this page. Nothing happens without the button.</p>
      <Form action="/verify" hidden={{ token, next }}>
        <Actions>
          <Button>Confirm my address</Button>
        </Actions>
      </Form>
    </Layout>
  );
}

function NoLonger({ next }: { next: string | null }): VNode {
  return (
    <Layout title="This link no longer works">
      <Heading>This link no longer works</Heading>
      <p>It is too old, it was cut off, or you signed up again and a newer mail is in your inbox.</p>
      <Actions>
        <ButtonLink href={withNext('/verify/resend', next)}>Get a new mail</ButtonLink>
      </Actions>
      <p>
        You confirmed it before? <a href={withNext('/login', next)}>Log in</a>
      </p>
    </Layout>
  );
}

/** Opened from a mail. Mail scanners open links too, so opening alone confirms nothing. */
export const verifyPage = page({
  method: 'GET',
  path: '/verify',
  handle: ({ query }) => {
    const next = nextPath(query['next']);
    const token = query['token'];
    return token ? { html: <Confirm token={token} next={next} /> } : { status: GONE, html: <NoLonger next={next} /> };
  },
});

/** Confirms the address, and logs nobody in: else a stranger's link would put its reader into the stranger's account. */
export const verify = page({
  method: 'POST',
  path: '/verify',
  handle: async ({ ctx, form }) => {
    const next = nextPath(form['next']);
    if ((await ctx.auth.verify(form['token'] ?? '')) === 'INVALID')
      return { status: GONE, html: <NoLonger next={next} /> };
    return { redirect: withNext('/login?done=confirmed', next) };
  },
});
