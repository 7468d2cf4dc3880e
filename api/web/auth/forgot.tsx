import type { VNode } from 'preact';
import { RESET_LINK_MINUTES } from '../../accounts/better-auth';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { withNext } from '../http/next-path';
import { askForMail } from './ask-for-mail';
import { OutboxHint } from './check-mail';

function Sent({ email }: { email: string }): VNode {
  return (
    <Layout title="Check your email">
      <Heading>Check your email</Heading>
      <p>
        If <strong>{email}</strong> has an account, a link is on its way. It works once, for {RESET_LINK_MINUTES}{' '}
        minutes.
      </p>
      <OutboxHint />
      <p class="quiet">Nothing came? Look in your spam folder, and check that it is the address you signed up with.</p>
    </Layout>
  );
}

export const [forgotPage, forgot] = askForMail({
  path: '/forgot',
  tried: 'forgot',
  title: 'Choose a new password',
  intro: 'We send you a link with which you can choose a new one.',
  button: 'Send me the link',
  below: (next) => (
    <p>
      It came back to you? <a href={withNext('/login', next)}>Log in</a>
    </p>
  ),
  ask: (auth, email) => auth.askReset(email),
  sent: (email) => <Sent email={email} />,
});
