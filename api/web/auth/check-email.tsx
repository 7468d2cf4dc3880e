import type { VNode } from 'preact';
import { VERIFY_LINK_HOURS } from '../../../shared/domain/mailed-link';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Actions, Button, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Heading, Notice } from '../design/text';
import { usePageFacts } from '../design/page-facts';

/** Points to the outbox when this server does not send email. */
export function OutboxHint(): VNode | null {
  if (usePageFacts().mails !== 'outbox') return null;
  return (
    <Notice title="This MIR server doesn’t send email">
      <p>
        You’ll find the message in the <a href="/outbox">outbox</a>.
      </p>
    </Notice>
  );
}

/** Shown after a person signs up or requests another email, whether or not the address is known. */
export function CheckEmail({
  email,
  next,
  again = false,
}: {
  email: string;
  next: string | null;
  again?: boolean;
}): VNode {
  return (
    <Layout title="Check your email" beside>
      <Heading>Check your email</Heading>
      {again && (
        <Notice>
          <p>We sent another email.</p>
        </Notice>
      )}
      <Beside
        summary={
          <Panel>
            <p class="quiet">
              No email? Check your spam folder, and make sure the address is right. We delete unfinished sign-ups after
              two days.
            </p>
            <Actions>
              <Form action="/verify/resend" hidden={{ email, next }} class="resend">
                <Button kind="plain">Resend email</Button>
              </Form>
            </Actions>
          </Panel>
        }
      >
        <Panel>
          <p>
            We sent an email to <strong>{email}</strong>. Open the link in it within {VERIFY_LINK_HOURS} hours and
            choose your password. Then you can log in.
          </p>
        </Panel>
        <OutboxHint />
      </Beside>
    </Layout>
  );
}
