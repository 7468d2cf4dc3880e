import type { VNode } from 'preact';
import { VERIFY_LINK_HOURS } from '../../accounts/better-auth';
import { Actions, Button, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Heading, Notice } from '../design/text';
import { usePageFacts } from '../design/page-facts';

/** On a laptop mails do not leave it. */
export function OutboxHint(): VNode | null {
  if (usePageFacts().mails !== 'outbox') return null;
  return (
    <Notice title="This MIR runs on a laptop">
      <p>
        Mails do not leave it: they are in the <a href="/outbox">outbox</a>.
      </p>
    </Notice>
  );
}

/** Said after a sign-up or a repeated mail, whether or not the address was known. */
export function CheckMail({
  email,
  next,
  again = false,
}: {
  email: string;
  next: string | null;
  again?: boolean;
}): VNode {
  return (
    <Layout title="Check your email">
      <Heading>Check your email</Heading>
      {again && (
        <Notice>
          <p>Another mail is on its way.</p>
        </Notice>
      )}
      <p>
        We wrote to <strong>{email}</strong>. Open the link in that mail within {VERIFY_LINK_HOURS} hours and choose
        your password. Then you can log in.
      </p>
      <OutboxHint />
      <p class="quiet">
        Nothing came? Look in your spam folder, and check that the address is right. We delete sign-ups that are not
        finished after two days.
      </p>
      <Actions>
        <Form action="/verify/resend" hidden={{ email, next }} class="resend">
          <Button kind="plain">Send again</Button>
        </Form>
      </Actions>
    </Layout>
  );
}
