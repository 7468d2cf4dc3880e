import type { VNode } from 'preact';
import { RESET_LINK_MINUTES } from '../../identity/better-auth';
import { Actions, Button, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextPath, withNext } from '../next-path';
import { page } from '../page';
import { OutboxHint } from './check-mail';
import { emailErrors, emailOf } from './fields';
import { sendAuthMail } from './mails';
import { sameTime } from './same-time';
import { countTry } from './throttles';

function Forgot({
  next,
  email = '',
  errors = [],
}: {
  next: string | null;
  email?: string;
  errors?: FormError[];
}): VNode {
  return (
    <Layout title={titleWith(errors, 'Choose a new password')}>
      <Heading>Choose a new password</Heading>
      <p>We send you a link with which you can choose a new one.</p>
      <ErrorSummary errors={errors} />
      <Form action="/forgot" hidden={{ next }}>
        <Field name="email" label="E-mail address" type="email" autocomplete="username" value={email} errors={errors} />
        <Actions>
          <Button>Send me the link</Button>
        </Actions>
      </Form>
      <p>
        It came back to you? <a href={withNext('/login', next)}>Log in</a>
      </p>
    </Layout>
  );
}

function Sent({ email }: { email: string }): VNode {
  return (
    <Layout title="Look into your mail">
      <Heading>Look into your mail</Heading>
      <p>
        If <strong>{email}</strong> has an account, a link is on its way. It works once, for {RESET_LINK_MINUTES}{' '}
        minutes.
      </p>
      <OutboxHint />
      <p class="quiet">Nothing came? Look among unwanted mail, and whether it is the address you signed up with.</p>
    </Layout>
  );
}

export const forgotPage = page({
  method: 'GET',
  path: '/forgot',
  handle: ({ query, session }) => ({
    html: <Forgot next={nextPath(query['next'])} email={session?.email ?? ''} />,
  }),
});

/** Answers every address alike. */
export const forgot = page({
  method: 'POST',
  path: '/forgot',
  handle: async (call) => {
    const { ctx, form } = call;
    const next = nextPath(form['next']);
    const email = emailOf(form['email']);
    const errors = emailErrors(email);
    if (errors.length > 0) return { status: 422, html: <Forgot next={next} email={email} errors={errors} /> };
    await countTry(call, 'forgot', email);
    await sameTime(ctx.auth.askReset(email).then((mail) => sendAuthMail(ctx, mail, next)));
    return { html: <Sent email={email} /> };
  },
});
