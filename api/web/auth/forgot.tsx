import type { VNode } from 'preact';
import { RESET_LINK_MINUTES } from '../../../shared/domain/mailed-link';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { withNext } from '../http/next-path';
import { OutboxHint } from './check-email';
import { requestEmailPages } from './request-email';

function Sent({ email }: { email: string }): VNode {
  return (
    <Layout title="Check your email" beside>
      <Heading>Check your email</Heading>
      <Beside
        summary={
          <Panel>
            <p class="quiet">No email? Check your spam folder, and make sure this is the address you signed up with.</p>
          </Panel>
        }
      >
        <Panel>
          <p>
            If <strong>{email}</strong> has a MIR account, you’ll get an email with a link. The link works only once and
            expires after {RESET_LINK_MINUTES} minutes.
          </p>
        </Panel>
        <OutboxHint />
      </Beside>
    </Layout>
  );
}

export const [forgotPage, forgot] = requestEmailPages({
  path: '/forgot',
  action: 'forgot',
  title: 'Choose a new password',
  intro: 'Enter your email address, and we’ll send you a link to choose a new password.',
  button: 'Send link',
  below: (next) => (
    <p>
      Remembered your password? <a href={withNext('/login', next)}>Log in</a>
    </p>
  ),
  createEmail: (auth, email) => auth.askReset(email),
  confirmation: (email) => <Sent email={email} />,
});
